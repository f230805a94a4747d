"""The routes of /v1, a subject a file."""
