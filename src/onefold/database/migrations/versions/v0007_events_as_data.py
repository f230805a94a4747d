"""Events of timelines are kept as data, not as sentences (MRG-6): what is exported or erased need not be parsed."""

import re

import sqlalchemy as sa
from alembic import op

from onefold.database.tables import Json

revision = "0007"
down_revision = "0006"

_AT_ONCE = 5_000
_POINT = "(?:a contact point|(?P<contact_point>.*?))"
# The sentences of before, and those of them that had lost the other's name to an erasure.
_SENTENCES = [
    (re.compile(rf"\A{sentence}\Z", re.DOTALL), kind)
    for sentence, kind in (
        (r"Conversations were merged during the customer merge", "conversations_merged"),
        (r"Replied into a conversation of another customer", "replied_elsewhere"),
        (r"Another sender replied into this conversation", "other_replied"),
        (r"Routed from (?P<routed_from>.*) to (?P<routed_to>.*) due to customer merge", "routed"),
        (r"(?P<agent>.*?) merged a customer into (?:this customer|(?P<customer>.*))", "merged"),
        (r"(?P<agent>.*?) undid the merge of this customer into (?:another|(?P<customer>.*))", "unmerged_from"),
        (r"(?P<agent>.*?) undid the merge of (?:another|(?P<customer>.*)) into this customer", "unmerged"),
        (rf"(?P<agent>.*?) detached {_POINT} into a new customer", "detached"),
        (rf"(?P<agent>.*?) detached {_POINT} from (?:another customer|(?P<customer>.*))", "detached_from"),
    )
]
_items = sa.table(
    "items",
    sa.column("organization_id", sa.BigInteger),
    sa.column("seq", sa.BigInteger),
    sa.column("kind", sa.Text),
    sa.column("body", sa.Text),
    sa.column("data", Json),
)


def upgrade() -> None:
    connection = op.get_bind()
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:  # its owner is held to one organization as well, and this is for all of them
        op.execute("ALTER TABLE items NO FORCE ROW LEVEL SECURITY")
    i = _items.c
    key = sa.tuple_(i.organization_id, i.seq)
    change = (
        _items.update()
        .where(i.organization_id == sa.bindparam("org"), i.seq == sa.bindparam("number"))
        .values(body=None, data=sa.bindparam("event", type_=Json))
    )
    last = (-1, -1)
    while True:
        sentences = sa.select(i.organization_id, i.seq, i.body).where(i.kind == "event", key > sa.tuple_(*last))
        rows = connection.execute(sentences.order_by(i.organization_id, i.seq).limit(_AT_ONCE)).all()
        if not rows:
            break
        connection.execute(change, [{"org": r[0], "number": r[1], "event": _event(r[2] or "")} for r in rows])
        last = (rows[-1][0], rows[-1][1])
    if postgresql:
        op.execute("ALTER TABLE items FORCE ROW LEVEL SECURITY")


def _event(sentence: str) -> dict[str, str]:
    for pattern, kind in _SENTENCES:
        if match := pattern.match(sentence):
            return {"kind": kind, **{name: value for name, value in match.groupdict().items() if value is not None}}
    return {"kind": "other", "text": sentence}
