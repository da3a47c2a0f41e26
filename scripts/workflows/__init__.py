"""WHAT HAPPENS, in order: one file a task; never prints, never parses."""
