"""Onefold: one customer, one profile."""

__version__ = "0.1.0"
