"""`onefold audit`: whether anybody has tampered with the audit log (MRG-14)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from onefold.audit import service as audit
from onefold.audit.heads import read_heads, read_public_key
from onefold.audit.service import Verification
from onefold.cli.shared import Organization, chosen_organization, fail, open_database, out
from onefold.core.errors import DomainError

audit_app = typer.Typer(no_args_is_help=True, help="The append-only audit log.")
_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})\Z", re.ASCII)
_WRONG = {
    "changed": "Entry {seq:,} is not what was written, or not where it was written.",
    "missing": "Entry {seq:,} is missing.",
    "record_changed": "What entry {seq:,} keeps of before is not what was written.",
    "cut_off": "Entry {seq:,} and what came after it are missing: the log was cut off.",
    "rewritten": "Entry {seq:,} is another than it was: the log was written anew.",
}


@audit_app.callback()
def _group() -> None:
    """Keeps `verify` a command of the group while it is the only one."""


@audit_app.command("verify")
def audit_verify(
    anchor: Annotated[
        str | None,
        typer.Option(metavar="SEQ:HASH", help="What an earlier verify printed; finds also a log cut off or replaced."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A file of heads (ONEFOLD_AUDIT_HEADS_FILE), kept elsewhere."),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PEM; every head of that file must be signed by this key."),
    ] = None,
    organization: Organization = None,
) -> None:
    """Check that no entry was changed, deleted or put in. Exit code 1 if one was."""
    if public_key is not None and since is None:
        fail("--public-key checks the heads of a file: give it with --since.")
    anchors = {} if anchor is None else _parse_anchor(anchor)
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        if since is not None:
            anchors |= _of_file(since, public_key, organization_id)
        with database.read(organization_id) as unit:
            verification = audit.verify(unit, anchors)
    except DomainError as refusal:
        fail(refusal.detail)
    _show(verification, anchored=max(anchors, default=0))


def _of_file(since: Path, public_key: Path | None, organization_id: int) -> dict[int, str]:
    """The hashes that a file of heads has of the organization. Raises InvalidValue."""
    key = None if public_key is None else read_public_key(public_key.read_bytes())
    heads = read_heads(since.read_text(encoding="utf-8", errors="replace").splitlines(), key)
    anchors = {head.seq: head.hash for head in heads if head.organization_id == organization_id}
    if not anchors:
        fail("The file has no head of this organization.")
    if clash := [
        head.seq
        for head in heads
        if anchors.get(head.seq, head.hash) != head.hash and head.organization_id == organization_id
    ]:
        fail(f"The file has two different heads of entry {clash[0]:,}.")
    return anchors


def _parse_anchor(anchor: str) -> dict[int, str]:
    match = _ANCHOR.match(anchor.strip())
    if match is None:
        fail("The anchor is SEQ:HASH, as an earlier verify printed it.")
    return {int(match[1]): match[2]}


def _show(verification: Verification, *, anchored: int) -> None:
    if verification.wrong is not None:
        wrong = _WRONG[verification.wrong].format(seq=verification.first_wrong)
        fail(f"{wrong} Intact before it: {verification.entries:,} entries.")
    taken = f" {verification.erased:,} personal records were taken away by erasures." if verification.erased else ""
    out.print(f"The {verification.entries:,} entries of the audit log are intact.{taken}", soft_wrap=True)
    newer = f" after entry {anchored:,}" if anchored else ""
    out.print(
        f"What this cannot tell: whether entries{newer} were all deleted from some point on, or written anew with "
        "their hashes. Heads of the log that are kept elsewhere tell it (--since FILE, --anchor).",
        soft_wrap=True,
    )
    if verification.entries:
        out.print("Keep this anchor elsewhere, and give it to the next verify with --anchor:", soft_wrap=True)
        out.print(f"{verification.last_seq}:{verification.last_hash}", soft_wrap=True, highlight=False)
