"""Exporting and erasing a customer."""
