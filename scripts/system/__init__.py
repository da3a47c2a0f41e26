"""The only door to the operating system: processes, secrets, temporary folders, signals, daemons."""
