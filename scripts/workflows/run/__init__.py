"""One execution of a mutating task: lock, journal, end, and what is left when it dies."""
