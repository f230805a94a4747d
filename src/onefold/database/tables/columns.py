"""What columns are made of, and the constraints that every table has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment in UTC; timezone-aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return instant_text(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else instant(value)


def instant(stored: str | datetime) -> datetime:
    """An instant as the driver gives it, in Python."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def instant_text(value: datetime) -> str:
    """The fixed-width text of an instant that both databases read."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


Id = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Value = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Org = BigInteger


def primary_key(*columns: str) -> sa.PrimaryKeyConstraint:
    """The organization, then these columns."""
    return sa.PrimaryKeyConstraint("organization_id", *columns)


def refers_to(table: str, column: str) -> ForeignKeyConstraint:
    """The column holds the id of a row of the table, in the same organization."""
    return ForeignKeyConstraint(["organization_id", column], [f"{table}.organization_id", f"{table}.id"])


def flag(name: str, default: bool = False) -> Column[bool]:
    """A column that is true or false, never empty."""
    return Column(name, Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}
"""In SQLite the rows lie in the order of the primary key. Not for tables of large values: there it costs more."""
