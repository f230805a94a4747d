"""Customer profiles: what is on them, editing by hand, search."""
