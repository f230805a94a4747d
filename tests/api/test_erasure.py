"""Handing out and erasing a customer (GDPR art. 15, 17, 20): after an erasure no column of any table tells of it.

The customer of these tests has a word of its own, the canary, in every field that takes text.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from onefold.audit import service as audit
from onefold.privacy import export as exporting
from tests.api.conftest import Api, fresh, problem

NUMBER = "4155550142"


class Base:
    """A base with a customer to erase, who has been merged, taken apart and suggested, and others who stay."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.word = fresh("kanarie").replace("-", "")
        self.agent_id = api.post("/v1/agents", json={"email": "lin@acme.example", "name": "Lin Wu"}).json()["id"]

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """A request that must succeed, whose answer is kept for its Idempotency-Key."""
        answer = self.api.post(path, json=body, headers={"Idempotency-Key": fresh("k")}, **more)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    def email(self, sender: str, word: str) -> Any:
        """A raw email with the word in its subject, its text, its attachment and the attachment's name."""
        mail = (
            f"From: {word} <{sender}>\r\nMessage-ID: <{fresh(word)}@x>\r\nSubject: {word}\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSay {word}\r\n'
            f'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="{word}.csv"\r\n\r\n'
            f"{word}\r\n--b--\r\n"
        )
        answer = self.api.post("/v1/channels/email", content=mail.encode(), headers={"Idempotency-Key": fresh("k")})
        assert answer.is_success, answer.text
        return answer.json()

    def full_profile(self, role: str, **more: Any) -> str:
        """A profile with the word in whatever can be written on one."""
        word = f"{self.word}{role}"
        body = {
            "name": f"Ada {word}",
            "username": word,
            "image": f"https://img.example/{word}.png",
            "customer_id": f"C-{word}",
            "attributes": {"shoe": word, "size": 41},
            "contact_points": [
                {"kind": "email", "value": f"{word}@example.org"},
                {"kind": "email", "value": f"lovelace{role}+{word}@gmail.com"},
                {"kind": "social", "network": "instagram", "value": f"1{word}", "handle": f"@{word}"},
                {"kind": "social", "network": "instagram", "value": f"2{word}", "handle": f"@two{word}"},
            ],
            **more,
        }
        made = self.post("/v1/profiles", body)
        path = f"/v1/profiles/{made['id']}"
        self.post(f"{path}/details", {"key": word, "value": word})
        self.post(
            f"{path}/addresses",
            {"label": word, "street": word, "city": word, "region": word, "postal_code": word, "country": "GB"},
        )
        received = self.email(f"{word}@example.org", word)
        assert received["profile_id"] == made["id"]
        self.post(f"{path}/items", {"body": f"note {word}"})
        self.post(f"{path}/items", {"body": f"task {word}", "kind": "task"})
        point = next(p for p in self.api.read(path)["contact_points"] if p["value"] == f"{word}@example.org")
        out = {"body": f"out {word}", "subject": word, "channel": "email", "contact_point_id": point["id"]}
        self.post(f"{path}/items", out)
        self.post(f"{path}/drafts", {"kind": "email", "subject": word, "body": word, "agent_id": self.agent_id})
        return str(made["id"])

    def merge(self, source: str, destination: str, **choices: str) -> str:
        """Previewed and done; returns the merge's id."""
        body = {"source_id": source, "destination_id": destination, "choices": choices, "agent_id": self.agent_id}
        self.post("/v1/merges/preview", body)
        return str(self.post("/v1/merges", body)["id"])


class Cast(Base):
    """Ada (with Ada's other profile merged into hers), a friend, and a profile detached from hers."""

    def __init__(self, api: Api) -> None:
        super().__init__(api)
        api.patch("/v1/settings", json={"merge_policies": {"customer_id": "choose"}})
        phones = [{"kind": "phone", "value": f"+1{NUMBER}", "type": "mobile", "sms": True}]
        self.ada = self.full_profile(
            "a",
            contact_points=[
                *phones,
                {"kind": "email", "value": f"{self.word}a@example.org"},
                {"kind": "email", "value": f"lovelace+{self.word}@gmail.com"},
                {"kind": "email", "value": "plain@example.org"},
                {"kind": "social", "network": "instagram", "value": f"1{self.word}", "handle": f"@{self.word}"},
            ],
        )
        self.api.contact("sms", {"phone": f"+1{NUMBER}", "name": self.word}, body=f"sms {self.word}")
        self.other = self.full_profile("b")
        self.friend = str(
            self.post(
                "/v1/profiles", {"name": "Bob", "contact_points": [{"kind": "email", "value": "lovelace@gmail.com"}]}
            )["id"]
        )
        self.neighbour = str(self.post("/v1/profiles", {"name": "Cleo"})["id"])
        self.post(f"/v1/profiles/{self.ada}/relationships", {"profile_id": self.friend, "kind": f"kin {self.word}"})
        self.post(f"/v1/profiles/{self.friend}/no-match", {"profile_id": self.ada})
        # The friend merged with somebody: what was kept of it tells of Ada, by the evidence between the two.
        self.of_others = self.merge(self.neighbour, self.friend)
        self.undone = self.merge(self.other, self.friend, customer_id="source")  # a mistake, which leaves events
        self.post(f"/v1/merges/{self.undone}/undo", {})
        self.standing = self.merge(self.other, self.ada, customer_id="destination")
        points = api.read(f"/v1/profiles/{self.ada}")["contact_points"]
        plain = next(p["id"] for p in points if p["value"] == "plain@example.org")
        detached = self.post(f"/v1/profiles/{self.ada}/contact-points/{plain}/detach")
        self.detached = str(detached["new_profile_id"])

    def erase(self, profile_id: str) -> dict[str, Any]:
        """The answer to an erasure."""
        erasure: dict[str, Any] = self.post(f"/v1/profiles/{profile_id}/erase", {"confirm": profile_id})
        return erasure


def whole_base(api: Api, organization_id: int) -> dict[str, list[str]]:
    """Every column of every row of every table, of an organization or of none, as text, sorted; but what is counted in
    the background, and when keys were used."""
    texts = {}
    with api.database.read(organization_id) as unit:
        unit.allow_whole_base()
        inspected = sa.inspect(unit.connection)
        for table in set(inspected.get_table_names()) - {"counted_until", "daily_counts", "api_keys"}:
            owned = any(column["name"] == "organization_id" for column in inspected.get_columns(table))
            scope = f" WHERE organization_id = {organization_id}" if owned else ""
            rows = unit.execute(sa.text(f'SELECT * FROM "{table}"{scope}'))
            texts[table] = sorted(" ".join(map(_readable, row)) for row in rows)
    return texts


def _readable(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1").casefold()
    return (json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)).casefold()


def telling(api: Api, organization_id: int, *words: str) -> dict[str, list[str]]:
    """The rows that hold one of the words."""
    base = whole_base(api, organization_id)
    matching = {table: [row for row in rows if any(word in row for word in words)] for table, rows in base.items()}
    return {table: rows for table, rows in matching.items() if rows}


def test_after_an_erasure_no_column_of_any_table_tells_of_the_customer(api: Api, other: Api) -> None:
    cast, foreign = Cast(api), Base(other)
    foreign.word = cast.word
    foreign.full_profile("a")
    theirs = whole_base(api, other.organization_id)
    before = telling(api, api.organization_id, cast.word, NUMBER)
    assert {
        "profiles",
        "contact_points",
        "details",
        "addresses",
        "relationships",
        "items",
        "attachments",
        "drafts",
        "search_terms",
        "match_keys",
        "evidence",
        "audit_records",
        "idempotency_keys",
    } <= set(before)  # the canary sings wherever it can
    erased = cast.erase(cast.other)  # by an id that was merged away
    assert erased["ids"] == [cast.ada, cast.other]
    assert telling(api, api.organization_id, cast.word, NUMBER) == {}
    assert whole_base(api, other.organization_id) == theirs
    assert erased["counts"]["profiles"] == 2
    assert erased["counts"]["drafts"] == 2
    assert erased["counts"]["attachments"] == 2
    assert erased["counts"]["events_blurred"] > 0


def test_afterwards_every_id_answers_404_and_nothing_can_be_undone(api: Api) -> None:
    cast = Cast(api)
    conversations = [c["id"] for c in api.read(f"/v1/profiles/{cast.ada}/conversations")["data"]]
    cast.erase(cast.ada)
    for profile_id in (cast.ada, cast.other):
        path = f"/v1/profiles/{profile_id}"
        for part in ("", "/conversations", "/items", "/suggestions", "/export"):
            problem(api.get(path + part), 404, "profile_not_found")
        problem(api.patch(path, json={"name": "Eve"}), 404, "profile_not_found")
        problem(api.post(f"{path}/erase", json={"confirm": profile_id}), 404, "profile_not_found")
    for conversation_id in conversations:
        problem(api.get(f"/v1/conversations/{conversation_id}"), 404, "conversation_not_found")
        problem(api.get(f"/v1/conversations/{conversation_id}/items"), 404, "conversation_not_found")
    for merge_id in (cast.undone, cast.standing):
        problem(api.post(f"/v1/merges/{merge_id}/undo", json={}), 404, "merge_not_found")
    # What was kept of somebody else's merge told of Ada, and went with her.
    problem(api.post(f"/v1/merges/{cast.of_others}/undo", json={}), 409, "record_erased")
    assert api.read("/v1/profiles/search", q=cast.word)["data"] == []
    assert api.read(f"/v1/profiles/{cast.friend}")["relationships"] == []
    assert {p["id"] for p in api.pages("/v1/profiles", 50)} == {cast.friend, cast.detached}


def test_the_log_keeps_that_it_happened_and_verifies_and_one_event_tells__EVT_1(api: Api) -> None:
    cast = Cast(api)
    cast.erase(cast.ada)
    with api.database.read(api.organization_id) as unit:
        verification = audit.verify(unit)
    assert (verification.wrong, verification.erased > 0) == (None, True)
    (entry,) = api.read("/v1/audit", action="profile.erased")["data"]
    assert entry["profile_id"] == cast.ada
    assert entry["details"]["ids"] == [cast.ada, cast.other]
    assert set(entry["details"]) == {"ids", "counts"}
    events = api.sql("SELECT type, data FROM outbox WHERE organization_id = :org ORDER BY seq", org=api.organization_id)
    payloads = [json.loads(e.data) if isinstance(e.data, str) else e.data for e in events if e.type == "profile.erased"]
    assert payloads == [{"ids": [cast.ada, cast.other]}]
    assert events[-1].type == "profile.erased"


def test_whoever_contacts_again_is_a_new_customer__RES_3(api: Api) -> None:
    cast = Cast(api)
    items = [item["id"] for item in api.pages(f"/v1/profiles/{cast.ada}/items", 200)]
    cast.erase(cast.ada)
    again = api.contact("email", {"email": f"{cast.word}a@example.org"})
    assert again["outcome"] == "created"
    assert again["profile_id"] not in (cast.ada, cast.other)
    assert again["item_id"] not in items  # SQLite counts on from the highest number there is
    assert api.contact("sms", {"phone": f"+1{NUMBER}"})["outcome"] == "created"


def test_an_erasure_is_meant_and_allowed(api: Api) -> None:
    ada, bob = api.profile(name="Ada")["id"], api.profile(name="Bob")["id"]
    path = f"/v1/profiles/{ada}/erase"
    problem(api.post(path, json={"confirm": bob}), 422, "not_confirmed")
    problem(api.post(path, json={}), 422, "invalid_request")
    with api.with_key("profiles:read", "profiles:write", "profiles:export", "merges:undo") as colleague:
        problem(colleague.post(path, json={"confirm": ada}), 403, "scope_missing")
    assert api.get(f"/v1/profiles/{ada}").status_code == 200
    with api.with_key("profiles:read", "profiles:write", "profiles:erase") as eraser:
        problem(eraser.get(f"/v1/profiles/{ada}/export"), 403, "scope_missing")
        assert eraser.post(path, json={"confirm": ada}).status_code == 200


def test_an_erasure_sent_again_is_answered_alike(api: Api) -> None:
    ada = api.profile(name="Ada")["id"]
    key = {"Idempotency-Key": fresh("k")}
    first, again = (api.post(f"/v1/profiles/{ada}/erase", json={"confirm": ada}, headers=key) for _ in range(2))
    assert (first.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_those_who_stay_keep_what_is_theirs(api: Api) -> None:
    cast = Cast(api)
    before = {one: api.read(f"/v1/profiles/{one}/export") for one in (cast.friend, cast.detached)}
    cast.erase(cast.ada)
    for one, was in before.items():
        now = api.read(f"/v1/profiles/{one}/export")
        assert now["contact_points"] == was["contact_points"]
        assert [i["id"] for i in now["items"]] == [i["id"] for i in was["items"]]
        assert now["relationships"] == []
    bodies = [item["body"] for item in api.read(f"/v1/profiles/{cast.friend}/items")["data"]]
    assert any(body.endswith("undid the merge of another into this customer") for body in bodies)


# Export --------------------------------------------------------------------------------------------------------------


def test_an_export_holds_everything_of_the_customer_and_nothing_of_others(api: Api) -> None:
    cast = Cast(api)
    answer = api.get(f"/v1/profiles/{cast.other}/export", follow_redirects=True)
    assert answer.history[0].status_code == 308
    assert answer.headers["content-disposition"] == f'attachment; filename="customer-{cast.ada}.json"'
    export = answer.json()
    assert (export["format"], export["complete"]) == ("onefold-customer-export/1", True)
    assert (export["profile"]["id"], export["former_ids"]) == (cast.ada, [cast.other])
    word = cast.word
    assert {p["value"] for p in export["contact_points"]} >= {
        f"{word}a@example.org",
        f"{word}b@example.org",
        f"+1{NUMBER}",
        f"C-{word}a",
        f"C-{word}b",
        f"instagram:1{word}",
        f"instagram:2{word}b",
    }
    assert {d["value"] for d in export["details"]} == {f"{word}a", f"{word}b"}
    assert {a["street"] for a in export["addresses"]} == {f"{word}a", f"{word}b"}
    assert {d["body"] for d in export["drafts"]} == {f"{word}a", f"{word}b"}
    assert export["relationships"] == [
        {"id": export["relationships"][0]["id"], "kind": f"kin {word}", "profile_id": cast.friend}
    ]
    assert [m["id"] for m in export["merges"]] == [cast.standing]
    assert export["merges"][0]["before"]["source"]["name"] == f"Ada {word}b"
    bodies = {i["body"].strip() for i in export["items"] if i["body"]}
    assert {f"{kind} {word}{role}" for kind in ("Say", "note", "task", "out") for role in "ab"} <= bodies
    assert f"sms {word}" in bodies
    files = [file for item in export["items"] for file in item["attachments"]]
    assert {base64.b64decode(f["content"]).decode().strip() for f in files} == {f"{word}a", f"{word}b"}
    assert {f["filename"] for f in files} == {f"{word}a.csv", f"{word}b.csv"}
    assert {i["conversation_id"] for i in export["items"]} - {None} <= {c["id"] for c in export["conversations"]}
    for other_ones in ("Bob", "Cleo", "lovelace@gmail.com", "plain@example.org"):
        assert other_ones not in answer.text


def test_an_export_of_nobody_is_not_there(api: Api, other: Api) -> None:
    theirs = other.profile(name="Ada")["id"]
    for profile_id in (theirs, "x", "00000000-0000-7000-8000-000000000000"):
        problem(api.get(f"/v1/profiles/{profile_id}/export"), 404, "profile_not_found")


def test_an_export_that_ends_early_does_not_pass_for_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 1)
    ada = api.profile(name="Ada", contact_points=[{"kind": "email", "value": "ada@example.org"}])["id"]
    for _ in range(30):  # more than the sockets between the two hold
        api.post(f"/v1/profiles/{ada}/items", json={"body": "word " * 100_000})
    with api.stream("GET", f"/v1/profiles/{ada}/export") as answer:
        pieces = answer.iter_bytes()
        read = [next(pieces)]
        assert api.post(f"/v1/profiles/{ada}/erase", json={"confirm": ada}).is_success
        with pytest.raises(httpx.RemoteProtocolError):  # cut off, which no client takes for an end
            read.extend(pieces)
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(read))
    assert b'"complete"' not in b"".join(read)
