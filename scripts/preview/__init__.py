"""Previews: temporary environments of feature branches."""
