"""What the receiver's own server says of a mail's sender (RFC 8601, RES-14).

A header line is worth what its place is worth. Servers put theirs on top, so the topmost Authentication-Results names
the receiver, and those of the same name count down to the first of another name: from there on others have spoken.

- **A failure** counts wherever it stands among them. Only the receiver or the sender can have written it, and no sender
  gains by a forged failure; so it is looked for tolerantly, also in a line whose quote or comment never ends.
- **A pass** is what a sender would forge. It counts only where the library reads it without fault, and only above the
  first Received by a server of another name: below that stand lines which came with the mail. A Received of the
  receiver's own may stand above it, because some servers write the results beneath (Postfix with milters), and so may
  one that says `by` without `from`, a step within one system.

That a server removes forged lines of its own name (RFC 8601, section 5) cannot be checked from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache
from typing import NamedTuple

import authres
from authres import dmarc

from onefold.channels.mail_sender import From
from onefold.channels.mail_text import or_otherwise
from onefold.contact_points.standing import SenderState

_LIBRARY = authres.FeatureContext(dmarc)
_TOKENS = re.compile(r'\\.|[^\\"();]+|.', re.DOTALL)
_RESULT = re.compile(
    r'(?<![^\s;])(dmarc|dkim|spf)\s*(?:/\s*\d+\s*)?=\s*"?\s*([a-z]+)(?![\w@.-])', re.IGNORECASE | re.ASCII
)
_TORN_FAILURE = re.compile(r"(?<![\w.-])dmarc\s*=\s*fail\b", re.IGNORECASE | re.ASCII)
_LONGEST_CLAUSE = 2_000
_MOST_CLAUSES = 50


class _Clauses(NamedTuple):
    """A header value without its comments, cut at its semicolons; `bare` has no quoted text either.

    `torn` says that a quote or comment does not end.
    """

    texts: list[str]
    bare: str
    torn: bool


_LONGEST_RESULTS = 100_000


class _Results(NamedTuple):
    """One Authentication-Results line. `name` is the server's, "" where it gives none (Exchange Online)."""

    name: str
    said: frozenset[tuple[str, str]]
    clauses: list[str]


def sender_state(message: Message, sender: From) -> SenderState:
    """RES-14. Failed: an unsound From, any DMARC failure or, where DMARC has not decided, SPF and DKIM both failing.

    Proven: a DMARC pass, or a DKIM pass of the From domain or of one it lies in. Otherwise unchecked; so is a mail that
    is not signed and fails SPF alone, because every forwarding does that to it.
    """
    said: set[tuple[str, str]] = set()
    proven = False
    clauses_left = _MOST_CLAUSES
    for results, may_prove in _own_results(message):
        said |= results.said
        for clause in results.clauses[:clauses_left] if may_prove else []:
            clauses_left -= 1
            proven = proven or _proves(clause, (sender.address or "").rpartition("@")[2])
    if not sender.sound or _fails(said):
        return "failed"
    return "proven" if proven and sender.strict else "unchecked"


def _own_results(message: Message) -> Iterator[tuple[_Results, bool]]:
    """The receiver's own results from the top, each with whether a pass in it counts."""
    own: str | None = None
    trusted = True
    hosts: list[str] = []
    for header, value in message.raw_items():
        if header.lower() == "received":
            hosts += _taken_by(message.policy.header_fetch_parse(header, value))
        elif header.lower() == "authentication-results":
            results = _results(message.policy.header_fetch_parse(header, value))
            own = results.name if own is None else own
            if results.name != own:
                return
            trusted = trusted and all(_of_one_house(host, own) for host in hosts)
            hosts = []
            yield results, trusted


def _taken_by(received: str) -> list[str]:
    """The server that took the mail over; none for a step that names nobody it came from."""
    text = _clauses(received[:_LONGEST_CLAUSE]).bare
    if not re.match(r"\s*from\b", text, re.IGNORECASE):
        return []
    by = re.search(r"\sby\s+([^\s;]+)", text, re.IGNORECASE)
    return [by[1].lower().rstrip(".") if by else ""]


def _of_one_house(host: str, name: str) -> bool:
    """Whether two server names are equal, or one lies in the other or beside it: mx1.x.com, mx2.x.com, x.com."""
    if host == name:
        return True
    domain, parent = name.split("."), name.split(".")[1:]
    labels = host.split(".")
    beside = len(parent) > 1 and labels[1:] == parent
    within = len(domain) > 1 and labels[-len(domain) :] == domain
    around = len(labels) > 1 and domain[-len(labels) :] == labels
    return beside or within or around


def _results(value: str) -> _Results:
    texts, bare, torn = _clauses(value[:_LONGEST_RESULTS])
    name = (texts[0].split() or [""])[0].strip('"').lower().rstrip(".")
    named = "=" not in texts[0]
    said = {(method.lower(), result.lower()) for method, result in _RESULT.findall(bare)}
    # No server writes so much: what it hides at its end is taken for a failure.
    if len(value) > _LONGEST_RESULTS or (torn and _TORN_FAILURE.search(value)):
        said.add(("dmarc", "fail"))
    readable = [text for text in texts[named:] if re.match(r"\s*(?:dmarc|dkim)\b", text, re.IGNORECASE)]
    return _Results(name if named else "", frozenset(said), [] if torn else readable)


def _clauses(value: str) -> _Clauses:
    texts: list[list[str]] = [[]]
    bare: list[str] = []
    depth, quoted = 0, False
    for token in _TOKENS.findall(value):
        if depth or (token == "(" and not quoted):
            depth += (token == "(") - (token == ")")
            token = " "
        elif token == '"':
            quoted = not quoted
        elif token == ";" and not quoted:
            texts.append([])
        if token != ";" or quoted:
            texts[-1].append(token)
        if not quoted or token.isalpha():
            bare.append(token)
    return _Clauses(["".join(text) for text in texts], "".join(bare), quoted or depth > 0)


def _fails(said: set[tuple[str, str]]) -> bool:
    if ("dmarc", "fail") in said:
        return True
    if ("dmarc", "pass") in said:
        return False
    spf = {result for method, result in said if method == "spf"}
    dkim = {result for method, result in said if method == "dkim"}
    return _all_failing(spf) and _all_failing(dkim)


def _all_failing(results: set[str]) -> bool:
    return "pass" not in results and not results.isdisjoint(("fail", "softfail", "hardfail"))


def _proves(clause: str, domain: str) -> bool:
    if len(clause) > _LONGEST_CLAUSE or not domain:
        return False
    return any(_is_pass_for(result, domain) for result in _read_by_library(clause.strip()))


@lru_cache(maxsize=1_000)  # the library is slow, and a server says much the same of every mail
def _read_by_library(clause: str) -> tuple[authres.AuthenticationResult, ...]:
    return or_otherwise(lambda: tuple(_LIBRARY.parse_value(f"own; {clause}").results), ())


def _is_pass_for(result: authres.AuthenticationResult, domain: str) -> bool:
    """Whether a result vouches for the domain: of another domain that was checked, ours is not proven."""
    if getattr(result, "result", None) != "pass":
        return False
    properties = {(one.type, one.name): _domain(one.value or "") for one in result.properties}
    if result.method == "dmarc":
        return properties.get(("header", "from"), domain) == domain
    signer = properties.get(("header", "d")) or properties.get(("header", "i")) or ""
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))


def _domain(value: str) -> str:
    name = value.rpartition("@")[2].strip().rstrip(".").lower()
    return or_otherwise(lambda: name.encode("idna").decode("ascii"), name) if len(name) <= 255 else ""
