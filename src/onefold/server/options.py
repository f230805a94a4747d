"""How uvicorn serves the application: the same in production and in tests."""

from __future__ import annotations

from typing import Any

_KEPT_OPEN_SECONDS = 75
"""How long a connection may be idle. Longer than proxies keep theirs (a minute): the side that sends must be the one to
close, as what it sends while the other is closing is lost, and only a browser that is still there sends it again."""

OPTIONS: dict[str, Any] = {
    "http": "onefold.server.protocol:BoundedProtocol",
    "ws": "none",
    "access_log": False,
    "server_header": False,
    # Whom a proxy speaks for the application reads (ONEFOLD_TRUSTED_PROXIES): uvicorn would believe all of loopback.
    "proxy_headers": False,
    "timeout_graceful_shutdown": 2,
    "timeout_keep_alive": _KEPT_OPEN_SECONDS,
}
