"""From the wire of each channel to a contact."""
