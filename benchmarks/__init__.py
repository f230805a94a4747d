"""Measurements, each beside its baseline: what the bare driver or the database alone does with the same work."""
