"""The Edge Functions of commits and projects."""
