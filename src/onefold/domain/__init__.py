"""What Onefold decides: pure functions of values; no SQL, no HTTP, no clock, no randomness."""
