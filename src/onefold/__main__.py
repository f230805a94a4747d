"""`python -m onefold` is the `onefold` command."""

from onefold.cli.app import app

if __name__ == "__main__":
    app()
