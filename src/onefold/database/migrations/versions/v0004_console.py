"""The console: second factors and sign-in by a provider, one-time links, what each agent has read, daily counts."""

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Id, Instant, Value

revision = "0004"
down_revision = "0003"

_NEW = ("sign_in_tokens", "conversation_reads", "daily_counts", "counted_until")


def upgrade() -> None:
    _extend_agents()
    _create_sign_in_tokens()
    _create_reads()
    _create_counts()
    is_open = sa.text("state = 'open'")
    op.create_index(
        "conversations_assignee",
        "conversations",
        ["organization_id", "assignee_id", "id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    for table in _NEW if op.get_bind().dialect.name == "postgresql" else ():
        _guard(table)


def _guard(table: str) -> None:
    """Row-level security, for the owner too: without an organization set, no row is seen or written."""
    scope = "organization_id = nullif(current_setting('onefold.organization_id', true), '')::bigint"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_organization ON {table} USING ({scope}) WITH CHECK ({scope})")


def _extend_agents() -> None:
    op.add_column("agents", sa.Column("totp_secret", sa.Text()))
    op.add_column("agents", sa.Column("totp_step", sa.BigInteger()))
    op.add_column("agents", sa.Column("oidc_issuer", Value))
    op.add_column("agents", sa.Column("oidc_subject", Value))
    linked = sa.text("oidc_subject IS NOT NULL")
    op.create_index(
        "agents_oidc",
        "agents",
        ["organization_id", "oidc_issuer", "oidc_subject"],
        unique=True,
        sqlite_where=linked,
        postgresql_where=linked,
    )


def _of_agent() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["organization_id", "agent_id"], ["agents.organization_id", "agents.id"])


def _create_sign_in_tokens() -> None:
    op.create_table(
        "sign_in_tokens",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", Value, nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        _of_agent(),
        sa.PrimaryKeyConstraint("organization_id", "token_hash"),
        sqlite_with_rowid=False,
    )
    op.create_index("sign_in_tokens_agent", "sign_in_tokens", ["organization_id", "agent_id"])


def _create_reads() -> None:
    op.create_table(
        "conversation_reads",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", Id, nullable=False),
        sa.Column("conversation_id", Id, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _of_agent(),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"], ["conversations.organization_id", "conversations.id"]
        ),
        sa.PrimaryKeyConstraint("organization_id", "agent_id", "conversation_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("conversation_reads_conversation", "conversation_reads", ["organization_id", "conversation_id"])


def _create_counts() -> None:
    op.create_table(
        "daily_counts",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("day", Value, nullable=False),
        sa.Column("name", Value, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("organization_id", "day", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counted_until",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("source", Value, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]),
        sa.PrimaryKeyConstraint("organization_id", "source"),
        sqlite_with_rowid=False,
    )
