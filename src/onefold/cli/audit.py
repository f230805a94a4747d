"""`onefold audit`: whether anybody has tampered with the audit log (MRG-14)."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from onefold.audit import service as audit
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
    "rewritten": "Entry {seq:,} is another than the anchor's: the log was written anew.",
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
    organization: Organization = None,
) -> None:
    """Check that no entry was changed, deleted or put in. Exit code 1 if one was."""
    known = None if anchor is None else _parse_anchor(anchor)
    database = open_database()
    organization_id = chosen_organization(database, organization)
    try:
        with database.read(organization_id) as unit:
            verification = audit.verify(unit, known)
    except DomainError as refusal:
        fail(refusal.detail)
    _show(verification)


def _parse_anchor(anchor: str) -> tuple[int, str]:
    match = _ANCHOR.match(anchor.strip())
    if match is None:
        fail("The anchor is SEQ:HASH, as an earlier verify printed it.")
    return int(match[1]), match[2]


def _show(verification: Verification) -> None:
    if verification.wrong is not None:
        wrong = _WRONG[verification.wrong].format(seq=verification.first_wrong)
        fail(f"{wrong} Intact before it: {verification.entries:,} entries.")
    taken = f" {verification.erased:,} personal records were taken away by erasures." if verification.erased else ""
    out.print(f"The {verification.entries:,} entries of the audit log are intact.{taken}", soft_wrap=True)
    if verification.entries:
        out.print("Keep this anchor elsewhere, and give it to the next verify with --anchor:", soft_wrap=True)
        out.print(f"{verification.last_seq}:{verification.last_hash}", soft_wrap=True, highlight=False)
