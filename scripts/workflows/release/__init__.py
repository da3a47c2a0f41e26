"""One commit, made live in one environment: what is known, planned, done and taken back."""
