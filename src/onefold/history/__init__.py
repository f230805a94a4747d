"""How a profile came to be."""
