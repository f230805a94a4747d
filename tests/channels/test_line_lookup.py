"""Line-type lookups (RES-6) against a service on a real socket: what it knows, and when it does not answer."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from onefold.channels.line_lookup import twilio_lookup

ANSWERS = {
    "+14155552671": (200, {"line_type_intelligence": {"type": "mobile"}}),
    "+14155552672": (200, {"line_type_intelligence": {"type": "landline"}}),
    "+14155552673": (200, {"line_type_intelligence": {"type": "fixedVoip"}}),
    "+14155552674": (200, {"line_type_intelligence": None}),
    "+14155552675": (404, {"message": "not found"}),
    "+14155552676": (200, ["nonsense"]),
    "+14155552677": (503, {}),
}


class Service(BaseHTTPRequestHandler):
    """Answers as Twilio Lookup v2 does."""

    def do_GET(self) -> None:
        number = self.path.split("/")[3].split("?")[0].replace("%2B", "+")
        if number.endswith("9"):
            time.sleep(4)
        status, body = ANSWERS.get(number, (200, {}))
        if self.headers["Authorization"] != "Basic " + base64.b64encode(b"AC1:secret").decode():
            status, body = 401, {}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the numbers are customers'."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize(
    ("number", "line_type"),
    [
        ("+14155552671", "mobile"),
        ("+14155552672", "landline"),
        ("+14155552673", "unknown"),
        ("+14155552674", "unknown"),
        ("+14155552675", "unknown"),
        ("+14155552676", "unknown"),
        ("+14155552677", "unknown"),
        ("+14155552678", "unknown"),
        ("+14155552679", "unknown"),
    ],
)
def test_only_what_the_service_says_counts__RES_6(address: str, number: str, line_type: str) -> None:
    assert twilio_lookup(address, "AC1", "secret")(number) == line_type


def test_a_wrong_password_or_no_service_leaves_numbers_unknown__RES_6(address: str) -> None:
    assert twilio_lookup(address, "AC1", "wrong")("+14155552671") == "unknown"
    assert twilio_lookup("http://127.0.0.1:1", "AC1", "secret")("+14155552671") == "unknown"
