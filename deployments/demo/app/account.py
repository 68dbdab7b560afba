"""Accounts and their passwords."""

import json
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from deployments.demo.app.database import ShopDatabase

_HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
"""1 MiB and one pass: far below what production wants, chosen so that two cores can play a whole city."""


class Accounts:
    """Who may log in."""

    def __init__(self, database: ShopDatabase) -> None:
        self._database = database
        self._nobody = _HASHER.hash("nobody has this password")

    def load(self, file: Path) -> None:
        """Give everybody in the NDJSON `file` an account, unless they have one."""
        known = self._database.names()
        people = [json.loads(line) for line in file.read_text().splitlines()]
        fresh = [person for person in people if person["name"] not in known]
        self._database.add_accounts([(p["name"], _HASHER.hash(p["password"])) for p in fresh])

    def verify(self, name: str, password: str) -> bool:
        """True when `password` is `name`'s. Takes as long for a name that nobody has."""
        stored = self._database.password_hash(name)
        try:
            return _HASHER.verify(stored or self._nobody, password) and stored is not None
        except VerifyMismatchError:
            return False
