"""Conversations, their items and drafts; inboxes and worklists."""
