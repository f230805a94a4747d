"""The heads of the audit logs are told to the log of this service, and to a file, at each start and every hour."""

from __future__ import annotations

from pathlib import Path

import structlog

from onefold.audit import service as audit
from onefold.audit.heads import Head, read_private_key
from onefold.core.clock import utc_now
from onefold.core.private_files import make_private
from onefold.database.engine import Database
from onefold.organizations.store import organization_ids

SECONDS = 3600.0
_log = structlog.get_logger("onefold.audit")


class HeadPublisher:
    """Tells each organization's head. `path` is a file to append them to, `key_path` an Ed25519 key in PEM to sign
    those by; a key that is none raises InvalidValue here, before anything is served."""

    def __init__(self, database: Database, path: str = "", key_path: str = "") -> None:
        self._database, self._path = database, Path(path) if path else None
        self._key = read_private_key(Path(key_path).read_bytes()) if key_path else None

    def publish(self) -> bool:
        """Tells the heads there are; there is never more to do at once."""
        heads = []
        for organization_id, _ in organization_ids(self._database):
            with self._database.read(organization_id) as unit:
                newest = audit.head(unit)
            if newest is not None:
                head = Head(organization_id, *newest, at=utc_now())
                heads.append(head if self._key is None else head.sign(self._key))
        for head in heads:
            _log.info("audit head", organization=head.organization_id, seq=head.seq, hash=head.hash)
        if self._path is not None and heads:
            make_private(self._path)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(head.as_line() for head in heads))
        return False
