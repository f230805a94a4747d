"""The `onefold` command."""
