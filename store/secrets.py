"""The vault: what must be kept encrypted (second factors) and the key that signs audit checkpoints."""

import hashlib
import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, text

from spine.errors import Broken
from spine.settings import Settings

_KEY_FILE = "secret.key"


class Vault:
    """Seals bytes with one key (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise Broken(
                "The secret key is not 32 bytes in url-safe base64, so nothing can be encrypted or decrypted. "
                "Check OPSSPINE_SECRET_KEY or the file secret.key in the data folder."
            ) from error
        self._key = key

    @classmethod
    def of(cls, settings: Settings, *, create: bool = False) -> "Vault":
        """The vault of this installation; `create` makes the key file where there is none.

        Raises:
            Broken: there is no key, or it cannot be read.
        """
        if settings.secret_key is not None:
            return cls(settings.secret_key.get_secret_value().encode())
        file = cls.file_of(settings)
        try:
            if create and not file.exists():
                _create(file)
            return cls(file.read_bytes().strip())
        except OSError as error:
            raise Broken(
                f"The key file {file} cannot be read ({error.strerror}), so second factors cannot be checked. "
                "Restore it from backup, or set OPSSPINE_SECRET_KEY."
            ) from error

    @staticmethod
    def file_of(settings: Settings) -> Path:
        """Where the key is kept when no setting names it."""
        return settings.data_dir / _KEY_FILE

    def seal(self, clear: bytes, context: str = "") -> bytes:
        """Encrypt; what is sealed for one `context` (a person's id) does not open for another."""
        return self._fernet.encrypt(_bound(context) + clear)

    def open(self, sealed: bytes, context: str = "") -> bytes:
        """Decrypt.

        Raises:
            Broken: another key sealed it, it was changed, or it belongs to another context.
        """
        try:
            opened = self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise Broken("A sealed value does not open with this key: the key was changed or lost.") from error
        if not opened.startswith(_bound(context)):
            raise Broken("A sealed value was moved: it was sealed for somebody else.")
        return opened[len(_bound(context)) :]

    def signing_key(self) -> Ed25519PrivateKey:
        """The Ed25519 key that signs audit checkpoints, derived from the vault's key."""
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"opsspine audit checkpoint v1"))

    def link_key(self) -> bytes:
        """The key that signs links which are good once, derived from the vault's key."""
        return self._derived(b"opsspine signed link v1")

    def backup_key(self) -> bytes:
        """The key that seals backups, derived from the vault's key."""
        return self._derived(b"opsspine backup v1")

    def model_key(self) -> bytes:
        """The key that signs the digests of ranking models, derived from the vault's key."""
        return self._derived(b"opsspine ranking model v1")

    def _derived(self, purpose: bytes) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(self._key)


def first_key(connection: Connection, settings: Settings) -> None:
    """Make the key of a new installation, as the system role.

    Where second factors are sealed already a missing key is a lost one, and a new one would only hide that.
    """
    sealed = text("select exists(select from people where totp_secret is not null)")
    if not connection.execute(sealed).scalar_one():
        Vault.of(settings, create=True)


def _bound(context: str) -> bytes:
    return hashlib.sha256(context.encode()).digest()[:16]


def _create(file: Path) -> None:
    """Write a new key, readable by its owner only; of several makers at once one wins, whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)  # nobody else's draft, and 0600
    draft = Path(name)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(Fernet.generate_key())
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
