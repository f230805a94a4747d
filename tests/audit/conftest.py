"""The audit log is walked through the console, the API and the command line: their fixtures, here as well."""

from tests.cli.test_cli import shell
from tests.console.conftest import console, other_console, postgresql_served, served, sqlite_served

__all__ = ["console", "other_console", "postgresql_served", "served", "shell", "sqlite_served"]
