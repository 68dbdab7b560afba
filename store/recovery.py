"""Recovery codes: for whoever lost the phone. Shown once, kept as argon2 hashes, each good once.

A code begins with its number, so that one hash is compared and not ten. Whether there is such a code or not, exactly
one hash is computed, by the same parameters.
"""

import re
import secrets
from datetime import datetime

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, text

from spine.ids import PersonId

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
"""Source: OWASP Password Storage Cheat Sheet, argon2id; the codes bear 74 random bits besides."""
_NOBODYS = _HASHER.hash(secrets.token_urlsafe(16))
"""What a code is compared with where there is none."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that are read as another one."""
_FORM = re.compile(r"^\s*(\d{1,2})[-\s]+([a-z0-9\s-]{5,40})$", re.IGNORECASE)
_LENGTH = 15


def renew(connection: Connection, person: PersonId, count: int) -> list[str]:
    """Give a person `count` new codes; the old ones end. They are shown now and never again."""
    end_all(connection, person)
    codes = []
    for number in range(1, count + 1):
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        connection.execute(
            text("insert into recovery_codes(person_id, number, argon2) values(:p, :n, :hash)"),
            {"p": person, "n": number, "hash": _HASHER.hash(letters)},
        )
        codes.append(f"{number}-{letters[:5]}-{letters[5:10]}-{letters[10:]}")
    return codes


def end_all(connection: Connection, person: PersonId) -> None:
    """End every code of a person."""
    connection.execute(text("delete from recovery_codes where person_id = :p"), {"p": person})


def left(connection: Connection, person: PersonId) -> int:
    """How many codes of a person are unused."""
    query = text("select count(*) from recovery_codes where person_id = :p and used_at is null")
    return int(connection.execute(query, {"p": person}).scalar_one())


def accepted(connection: Connection, person: PersonId | None, code: str) -> int | None:
    """The number of the unused code this is; None = it is none. One hash is computed for everybody, known or not.

    The row is locked to the end of the transaction: `use` it there. Limit the rate before.
    """
    number, letters = _parts(code)
    row = connection.execute(
        text("select argon2 from recovery_codes where person_id = :p and number = :n and used_at is null for update"),
        {"p": person, "n": number},
    ).one_or_none()
    matches = _matches(row.argon2 if row else _NOBODYS, letters)
    return number if row is not None and matches else None


def use(connection: Connection, person: PersonId, number: int, *, now: datetime) -> None:
    """End a code that `accepted` let pass in this transaction."""
    query = text("update recovery_codes set used_at = :now where person_id = :p and number = :n")
    connection.execute(query, {"now": now, "p": person, "n": number})


def _matches(stored: str, letters: str) -> bool:
    try:
        return _HASHER.verify(stored, letters)
    except VerificationError:
        return False


def _parts(code: str) -> tuple[int, str]:
    """The number and the letters; of what does not look like a code, something that fits nobody's."""
    found = _FORM.match(code)
    if found is None:
        return 0, "?"
    return int(found[1]), re.sub(r"[\s-]", "", found[2]).lower()
