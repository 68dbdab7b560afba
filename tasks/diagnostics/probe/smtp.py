"""As much SMTP as it takes to greet a server and encrypt, and no more: no mail is ever begun.

Source: RFC 5321 (replies), RFC 3207 (STARTTLS: what was sent before the handshake must not count after it).
"""

import re
from dataclasses import dataclass, field

import httpcore

from spine.errors import Refused

_CODE = re.compile(r"^[0-9]{3}\Z")
_MOST = 64 * 1024
"""Bytes a server may say in one session; a greeting is shorter."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the server."""

    code: int
    lines: tuple[str, ...]

    @property
    def extensions(self) -> frozenset[str]:
        """What EHLO says the server can do, in upper case."""
        return frozenset(line.split()[0].upper() for line in self.lines[1:] if line.split())


@dataclass
class Session:
    """A conversation with a server over `stream`."""

    stream: httpcore.AsyncNetworkStream
    said: bytearray = field(default_factory=bytearray)
    """Everything the server said."""
    _rest: bytes = b""

    @property
    def ahead(self) -> bool:
        """True when the server said more than it was asked for: before a handshake, that is an injection."""
        return bool(self._rest)

    async def command(self, line: str) -> Reply:
        """Say one line and hear the reply."""
        await self.stream.write(line.encode("ascii") + b"\r\n")
        return await self.hear()

    async def hear(self) -> Reply:
        """The next reply.

        Raises:
            Refused: it is no SMTP.
        """
        lines: list[str] = []
        first = ""
        while True:
            line = await self._line()
            code, mark, text = line[:3], line[3:4], line[4:]
            first = first or code
            if not _CODE.match(code) or code != first or mark not in {"", " ", "-"}:
                raise Refused("smtp.protocol", "the server does not speak SMTP; check host and port")
            lines.append(text)
            if mark != "-":
                return Reply(int(code), tuple(lines))

    async def _line(self) -> str:
        while b"\n" not in self._rest:
            chunk = await self.stream.read(4096)
            if not chunk:
                raise Refused("smtp.protocol", "the server hung up in the middle of its reply; see its log")
            self._rest += chunk
            self.said += chunk
            if len(self.said) > _MOST:
                raise Refused("smtp.protocol", f"the server says more than {_MOST} bytes; that is no greeting")
        line, _, self._rest = self._rest.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")
