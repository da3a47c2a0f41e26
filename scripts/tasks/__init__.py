"""The rest of the counter: tasks by noun. Nothing heavy is imported here."""
