"""What was set aside before inboxes were noted apart is there in its inbox after the upgrade (RES-12, RES-18)."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from onefold.core.clock import new_id, utc_now
from onefold.database.engine import Database
from onefold.database.migrate import _config, upgrade
from onefold.receiving import set_aside_store
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'before.db'}"
    return postgres.fresh_database(request.getfixturevalue("postgres_server"), f"before_{new_id()[-12:]}")


def test_it_waits_where_it_waited_before(empty: str) -> None:
    inbox_id, row_id, now = new_id(), new_id(), utc_now().isoformat()
    database = Database(empty)
    values = {"inbox": inbox_id, "row": row_id, "now": now}
    with database.raw() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0023")
        if not database.is_sqlite:
            connection.execute(sa.text("SELECT set_config('onefold.organization_id', '1', true)"))
        for statement in (
            "INSERT INTO organizations (id, name, default_region, default_inbox_id, created_at) "
            "VALUES (1, 'A', 'GB', :inbox, :now)",
            "INSERT INTO inboxes (organization_id, id, name, created_at) VALUES (1, :inbox, 'General', :now)",
            "INSERT INTO set_aside (organization_id, id, inbox_id, reason, channel, message_id, sender_key, "
            "sender_state, occurred_at, recorded_at) "
            "VALUES (1, :row, :inbox, 'machine', 'email', 'm1', 'k', 'unchecked', :now, :now)",
        ):
            connection.execute(sa.text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
        connection.commit()
    upgrade(database)
    with database.read(1) as unit:
        assert [row.id for row in set_aside_store.page(unit, inbox_id, None, 5)] == [row_id]
        assert set_aside_store.inboxes_of(unit, [row_id]) == {row_id: [inbox_id]}
    database.dispose()
