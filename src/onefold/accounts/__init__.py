"""Agents, inboxes, API keys; signing in; throttling."""
