"""Measurements, each beside its floor: what the bare driver or the database alone does with the same work."""
