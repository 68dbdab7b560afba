"""Forged variants of a good token, each of which a verifier must refuse. Nothing here is ever stored.

Source: RFC 8725 (JWT best current practices), OWASP ASVS 9.1.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, KeyParameters, OKPKey, RSAKey

from spine.errors import Refused


def forged(token: str, public_pem: bytes | None) -> dict[str, str]:
    """Forgeries by what is wrong with them.

    Args:
        token: a JWT that is accepted, in the compact form.
        public_pem: the issuer's public key, which is no secret: to sign with it as if it were one. None = left out.

    Raises:
        Refused: `token` is no JWT.
    """
    header, claims, signature = _parts(token)
    stranger = _stranger(str(header.get("alg")), header.get("kid"))
    other_aud = {**claims, "aud": "somebody-else"}
    admin = {**claims, "sub": "launch-check-admin", "admin": True}
    own_key = {**header, "jwk": stranger.as_dict(private=False)}
    made = {
        "alg none": f"{_part({**header, 'alg': 'none'})}.{_part(claims)}.",
        "alg nOnE": f"{_part({**header, 'alg': 'nOnE'})}.{_part(claims)}.{signature}",
        "no signature": f"{token.rsplit('.', 1)[0]}.",
        "changed signature": f"{token.rsplit('.', 1)[0]}.{_flipped(signature)}",
        "changed audience": f"{_part(header)}.{_part(other_aud)}.{signature}",
        "changed subject": f"{_part(header)}.{_part(admin)}.{signature}",
        "signed by a stranger": _signed(header, claims, stranger),
        "key in its own header": _signed(own_key, claims, stranger),
        "unknown kid": _signed({**header, "kid": "launch-check-no-such-key"}, claims, stranger),
    }
    if public_pem is not None:
        made["public key as a secret"] = _hmac({**header, "alg": "HS256"}, claims, public_pem)
    return made


def kid_of(token: str) -> str | None:
    """The key id that a token names.

    Raises:
        Refused: it is no JWT.
    """
    kid = _parts(token)[0].get("kid")
    return kid if isinstance(kid, str) else None


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    pieces = token.split(".")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in pieces[:2])
    except (ValueError, IndexError) as error:
        raise Refused("token.malformed", "OPSSPINE_LAUNCH__TOKENS__GOOD is no JWT; show an access token") from error
    if len(pieces) != 3 or not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refused("token.malformed", "OPSSPINE_LAUNCH__TOKENS__GOOD is no JWT of three parts; show another")
    return header, claims, pieces[2]


def _stranger(algorithm: str, kid: Any) -> RSAKey | ECKey | OKPKey:
    """A key nobody trusts, of the kind the issuer signs with, under its key id."""
    named: KeyParameters | None = {"kid": kid} if isinstance(kid, str) else None
    if algorithm.startswith("ES"):
        return ECKey.generate_key({"256": "P-256", "384": "P-384", "512": "P-521"}[algorithm[2:]], named)
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", named)
    return RSAKey.generate_key(2048, named)


def _signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAKey | ECKey | OKPKey) -> str:
    algorithm = str(header.get("alg"))
    known = algorithm if algorithm in _SIGNS else "RS256"
    signing = f"{_part({**header, 'alg': known})}.{_part(claims)}".encode()
    model = jws.JWSRegistry.algorithms[known]
    return f"{signing.decode()}.{_text(model.sign(signing, key))}"


def _hmac(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    signing = f"{_part(header)}.{_part(claims)}"
    return f"{signing}.{_text(hmac.new(secret, signing.encode(), hashlib.sha256).digest())}"


def _flipped(signature: str) -> str:
    first = "A" if signature[:1] != "A" else "B"
    return first + signature[1:]


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


_SIGNS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
