"""What several benches stand on."""
