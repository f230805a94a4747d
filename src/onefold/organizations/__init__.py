"""Organizations: what each has decided, and where it is kept."""
