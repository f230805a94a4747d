"""The baseline of single contacts on PostgreSQL: pgbench calling one function that does a contact's work in the server.

The function does for a text message what the service does: the same locks, checks, rows and events, in the same tables,
under the same row-level security; 80 % from known senders. No round trips within a contact, no Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import psycopg
from tests import postgres

from benchmarks.bases import Pair
from benchmarks.people import SPREAD
from onefold.database.engines import POSTGRES_PLANS

_FUNCTION = """
CREATE FUNCTION bench_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;
CREATE FUNCTION bench_receive(org bigint, sender text, who text, message text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    settings record; earlier record; point_id uuid; profile uuid; seen bigint; conversation uuid; item bigint;
    outcome text := 'opened'; digits text;
BEGIN
    PERFORM set_config('onefold.organization_id', org::text, true), pg_advisory_xact_lock_shared(org);
    SELECT settings_version, default_inbox_id INTO settings FROM organizations WHERE id = org;
    SELECT i.outcome, i.profile_id, i.conversation_id, i.seq INTO earlier FROM items i
    WHERE i.organization_id = org AND i.channel = 'sms' AND i.message_id = message;
    IF FOUND THEN
        RETURN earlier.profile_id;
    END IF;
    SELECT cp.id, cp.profile_id, p.version, c.id INTO point_id, profile, seen, conversation
    FROM contact_points cp JOIN profiles p ON p.organization_id = cp.organization_id AND p.id = cp.profile_id
    LEFT JOIN conversations c ON c.organization_id = p.organization_id AND c.profile_id = p.id AND c.state = 'open'
    WHERE cp.organization_id = org AND cp.kind = 'phone' AND cp.value = sender AND cp.identifying;
    IF FOUND THEN
        PERFORM version FROM profiles WHERE organization_id = org AND id = profile AND survivor_id IS NULL
        FOR KEY SHARE;
    ELSE
        outcome := 'created';
        profile := bench_id(); point_id := bench_id(); conversation := bench_id(); digits := substr(sender, 2);
        PERFORM pg_advisory_xact_lock(hashtextextended(sender, org));
        INSERT INTO profiles (organization_id, id, name, created_at) VALUES (org, profile, who, now());
        INSERT INTO contact_points (organization_id, id, profile_id, kind, value, phone_type, sms, identifying,
                                    contacted, created_at)
        VALUES (org, point_id, profile, 'phone', sender, 'mobile', true, true, true, now()) ON CONFLICT DO NOTHING;
        INSERT INTO search_terms (organization_id, term, profile_id)
        SELECT org, t, profile FROM unnest(ARRAY[lower(who), split_part(lower(who), ' ', 2) || ' ' ||
            split_part(lower(who), ' ', 1), digits, substr(digits, 3), right(digits, 7), right(digits, 4)]) AS t
        ON CONFLICT DO NOTHING;
    END IF;
    IF conversation IS NULL OR outcome = 'created' THEN
        conversation := coalesce(conversation, bench_id());
        INSERT INTO conversations (organization_id, id, profile_id, inbox_id, state, opened_at)
        VALUES (org, conversation, profile, settings.default_inbox_id, 'open', now()) ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO items (organization_id, profile_id, conversation_id, contact_point_id, kind, direction, channel,
                       message_id, outcome, body, verified, occurred_at, recorded_at, timeline_second)
    VALUES (org, profile, conversation, point_id, 'message', 'in', 'sms', message, outcome,
            'Hello, my order was to come on Monday and it is Thursday. Could you look where it is? Thank you.',
            true, now(), now(), baseline(extract(epoch FROM now())))
    RETURNING seq INTO item;
    IF outcome = 'created' THEN
        INSERT INTO outbox (organization_id, id, profile_id, type, data, created_at)
        VALUES (org, bench_id(), profile, 'profile.created', '{{}}', now());
    END IF;
    INSERT INTO outbox (organization_id, id, profile_id, type, data, created_at)
    VALUES (org, bench_id(), profile, 'contact.received', jsonb_build_object('channel', 'sms', 'outcome', outcome,
            'conversation_id', conversation, 'item_id', item::text), now());
    RETURN profile;
END $$;
"""
_MOBILE = f"'+4479' || lpad((:n::bigint * {SPREAD} % 100000000)::text, 8, '0')"
_NEW = "'+4478' || lpad(((:round * 32 + :client_id) * 100000 + :i)::text, 8, '0')"
_SCRIPT = """
\\set i :i + 1
\\set n random(0, {fifths} - 1) * 5 + random(0, 1)
\\set new random(1, 100) > 80
SELECT bench_receive({org}, CASE WHEN :new THEN {new} ELSE {mobile} END, 'Ann Kimrano',
                     'pgbench-' || :round || '-' || :client_id || '-' || :i);
"""


class Pgbench:
    """pgbench against the baseline's copy of the base."""

    def __init__(self, pair: Pair) -> None:
        self._url = pair.baseline.url
        with psycopg.connect(self._url) as connection:
            connection.execute(_FUNCTION.replace("{{}}", "{}"))  # type: ignore[arg-type]
        self._script = _SCRIPT.format(fifths=pair.profiles // 5, org=pair.organization_id, new=_NEW, mobile=_MOBILE)
        self._round = 0

    def rate(self, clients: int, seconds: float) -> float:
        """Contacts a second from so many clients, each with a connection."""
        self._round += 1
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "contact.sql"
            script.write_text(self._script)
            command = [
                postgres.binaries() / "pgbench",
                "-c",
                str(clients),
                "-j",
                str(min(2, clients)),
                "-M",
                "prepared",
                "-n",
                "-T",
                str(max(1, round(seconds))),
                "-D",
                "i=0",
                "-D",
                f"round={self._round}",
                "-f",
                script,
                self._url,
            ]
            environment = {**os.environ, "PGOPTIONS": POSTGRES_PLANS}
            told = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        found = re.search(r"tps = ([\d.]+)", told.stdout)
        if found is None or told.returncode:
            raise RuntimeError(told.stderr)
        return float(found[1])
