"""Stands in for `python -m <module>`: asks the warm process for a fork, and lives exactly as long as it.

Run by its path with `python -IS`, standard library only, so that it starts in a hundredth of a second. Where the
warm process does not answer, it becomes the real interpreter.
"""

import array
import json
import os
import signal
import socket
import sys


def main() -> int:
    """Arguments: the socket, the real interpreter, then what the interpreter was to be called with."""
    path, python, *arguments = sys.argv[1:]
    if len(arguments) < 2 or arguments[0] != "-m":
        os.execv(python, [python, *arguments])  # noqa: S606 - the interpreter itself
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        return _run(connection, arguments[1], arguments[1:])
    except OSError:
        os.execv(python, [python, *arguments])  # noqa: S606 - the interpreter itself


def _run(connection: socket.socket, module: str, arguments: list[str]) -> int:
    request = {"environment": dict(os.environ), "folder": os.getcwd(), "module": module, "arguments": arguments}
    body = json.dumps(request).encode()
    streams = array.array("i", [0, 1, 2])
    connection.sendmsg([len(body).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: connection.send(bytes([received])))
    connection.sendall(body)
    answer = b""
    while len(answer) < 4:
        part = connection.recv(4 - len(answer))
        if not part:
            return 1  # the warm process died, and its runs with it
        answer += part
    code = int.from_bytes(answer, "big", signed=True)
    if code < 0:  # end as the run did
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
