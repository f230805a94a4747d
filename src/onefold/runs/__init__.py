"""Long work over the whole base, a row each."""
