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
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        _ask(connection, arguments[1], arguments[1:])
    except OSError:  # nothing was started; once it was, starting it again would run it twice
        os.execv(python, [python, *arguments])  # noqa: S606 - the interpreter itself
    return _end(connection)


def _ask(connection: socket.socket, module: str, arguments: list[str]) -> None:
    """Send what to run, and pass on signals from here on."""
    request = {"environment": dict(os.environ), "folder": os.getcwd(), "module": module, "arguments": arguments}
    body = json.dumps(request).encode()
    streams = array.array("i", [0, 1, 2])
    connection.sendmsg([len(body).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(body)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: connection.send(bytes([received])))


def _end(connection: socket.socket) -> int:
    """Wait for the end of the run, and end as it did."""
    answer = b""
    while len(answer) < 4:
        try:
            part = connection.recv(4 - len(answer))
        except OSError:
            part = b""
        if not part:
            return 1  # the warm process died, and its runs with it
        answer += part
    code = int.from_bytes(answer, "big", signed=True)
    if code < 0:
        if -code != signal.SIGKILL:  # which nobody can catch
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
