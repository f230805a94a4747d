"""What admins decide, and what a change of it does to the base."""
