"""Supabase Edge Functions: what a commit holds, what a project runs, and how one becomes the other."""
