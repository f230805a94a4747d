"""Onefold: one customer, one profile."""

__version__ = "0.4.0"
