"""What test programs leave behind."""
