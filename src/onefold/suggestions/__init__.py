"""The queue of suggested duplicates, and what people decide on them."""
