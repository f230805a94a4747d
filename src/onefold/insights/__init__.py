"""What happened, counted by day."""
