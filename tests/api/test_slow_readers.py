"""Who reads slowly holds up nobody else: an export keeps no transaction open while it is sent."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from spine.audit import AuditAction, entry
from spine.ids import TenantId
from store import audit

ACME = TenantId("acme")

_ENTRIES = 800
"""More than a connection's buffers hold."""
_READERS = 16
"""More than the pool has connections."""


def test_slow_exports_leave_the_database_to_others(edge: Any) -> None:
    program = edge.key()
    told = [
        entry(
            ACME, AuditAction.POLICY_CHANGED, actor="test", at=edge.clock.now(), subject=f"thing:{k}",
            detail={"filler": "long words " * 700},
        )
        for k in range(_ENTRIES)
    ]  # fmt: skip
    with edge.database.system() as connection:
        audit.append_many(connection, ACME, told)
    url, key = urlsplit(edge.url), program.headers["authorization"]
    asked = f"GET /api/ops/audit/export HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n".encode()
    readers = []
    for _ in range(_READERS):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect((url.hostname, url.port))
        one.sendall(asked)
        assert one.recv(64).startswith(b"HTTP/1.1 200")
        readers.append(one)
    until = time.monotonic() + 20
    while edge.database.engine.pool.checkedout() and time.monotonic() < until:
        time.sleep(0.1)
    assert edge.database.engine.pool.checkedout() == 0
    assert program.get("/api/ops/incidents").status_code == 200
    for one in readers:
        one.close()
    lines = program.get("/api/ops/audit/export").text.splitlines()
    assert len(lines) >= _ENTRIES
