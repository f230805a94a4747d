"""Merging, detaching and undoing."""
