"""Notices to the team: events, chat formats, outbox, webhooks."""
