"""Files sealed with a key of the vault: AES-256-GCM in pieces, so that size costs no memory.

Layout: the magic, 32 bytes of salt, then pieces of at most 1 MiB of clear text, each followed by its 16-byte tag.
The salt makes every file's key its own; a piece's nonce is its number, and its last bit says whether it is the last
one: pieces cannot be changed, moved, or cut off at the end.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from spine.errors import Refused

MAGIC = b"opsspine sealed 1\n"
_SALT = 32
_PIECE = 2**20
_TAG = 16


def is_sealed(file: Path) -> bool:
    """True when `file` begins as sealed files do."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def seal(clear: Path, sealed: Path, key: bytes) -> None:
    """Write `clear`, sealed, to `sealed`, readable by its owner only."""
    salt = os.urandom(_SALT)
    cipher = _cipher(key, salt)
    with clear.open("rb") as source, open(os.open(sealed, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
        out.write(MAGIC + salt)
        number, piece = 0, source.read(_PIECE)
        while True:
            after = source.read(_PIECE)
            out.write(cipher.encrypt(_nonce(number, last=not after), piece, None))
            if not after:
                return
            number, piece = number + 1, after


def unseal(sealed: Path, clear: Path, key: bytes) -> None:
    """Write what `sealed` holds to `clear`.

    Raises:
        Refused: another key sealed it, or it was changed or cut.
    """
    with sealed.open("rb") as source, open(os.open(clear, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
        source.seek(len(MAGIC))
        cipher = _cipher(key, source.read(_SALT))
        number, piece = 0, source.read(_PIECE + _TAG)
        while True:
            after = source.read(_PIECE + _TAG)
            try:
                out.write(cipher.decrypt(_nonce(number, last=not after), piece, None))
            except InvalidTag as error:
                raise Refused(
                    "backup.sealed",
                    f"{sealed.name} does not open: it was sealed with another secret key, or was changed or cut. Set "
                    "OPSSPINE_SECRET_KEY (or secret.key in the data folder) to the key of the installation it is of.",
                ) from error
            if not after:
                return
            number, piece = number + 1, after


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=32, salt=salt, info=MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return (number << 1 | last).to_bytes(12, "big")
