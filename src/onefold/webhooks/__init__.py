"""Telling other systems of events."""
