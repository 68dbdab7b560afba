"""Logs of our processes are JSON lines, carry the request's id, and bear no secret."""

import json
import subprocess
import sys

_PROGRAM = """
import logging, structlog
from deployments.log import configure
configure("gateway")
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger("a").info("login", password="hunter2", text="Authorization: Bearer abcdefghijklmnop0123456789")
logging.getLogger("other").warning("token=%s", "xoxb-123456789012-abcdefghijklmnop")
try:
    raise ValueError("api_key=sk_live_0123456789abcdefghijklmn")
except ValueError:
    logging.getLogger("other").exception("it failed")
"""


def test_every_line_is_redacted_json_with_the_process_and_the_request() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "login"
    assert {line["process"] for line in lines} == {"gateway"}
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert {line["level"] for line in lines} == {"info", "warning", "error"}
    for secret in ("hunter2", "abcdefghijklmnop", "sk_live_0123456789"):
        assert secret not in done.stdout
