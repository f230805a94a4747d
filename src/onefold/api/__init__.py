"""The HTTP edge: it translates between requests and services, and decides nothing."""
