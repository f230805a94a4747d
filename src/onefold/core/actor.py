"""Who does something, and from where: what the audit log says of every entry (MRG-14)."""

from __future__ import annotations

from typing import NamedTuple


class Actor(NamedTuple):
    """An agent, an API key, or neither (the command line, a run). `origin` says from where, in at most 200 characters:
    `api 203.0.113.7`, `command line`, `run <id>`."""

    agent_id: str | None
    key_id: str | None
    origin: str


class Merger(NamedTuple):
    """Who merges: an agent by id and name; without an id, an API key or a command by its name."""

    agent_id: str | None
    name: str
