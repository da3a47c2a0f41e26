"""The security checklist as tests, and what random configurations, files and command lines do."""
