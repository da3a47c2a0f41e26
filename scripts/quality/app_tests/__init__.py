"""The app's own tests, run on a commit."""
