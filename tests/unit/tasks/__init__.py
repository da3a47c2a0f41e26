"""The options of the tasks."""
