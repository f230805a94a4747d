"""Contacts, from what a channel sent to an item on the right profile."""
