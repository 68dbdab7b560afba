"""What a secret looks like inside text, and which names announce one. Used by spine/redact.py."""

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key"
    r"|(?<![a-z])[ht]?otp|credentials?|sess(?:ion)?[_-]?id|[cx]srf|card[_-]?number|cvv|(?:auth|mfa|backup|recovery|verification)[_-]?code"
)
_KIND = r"[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}"
_QUOTED = r""""(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"""
_MARKED = r"""(?!["']?\[redacted(?: [a-z]+)?\])"""
_SEPARATOR = r"""[\\"'\]]{0,4}\s{0,3}[:=]\s{0,3}"""


def _pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(text, flags)


_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("key", _pattern(rf"()-----BEGIN {_KIND}-----.*?(?:-----END {_KIND}-----|\Z)", re.S)),
    ("jwt", _pattern(r"()\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}")),
    ("key", _pattern(r"()\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{12,}")),
    ("key", _pattern(r"()\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_.-]{10,}|\bGOCSPX-[0-9A-Za-z_-]{10,}")),
    ("token", _pattern(r"()\bxox[a-z]-[0-9A-Za-z-]{8,}|\bxapp-[0-9A-Za-z-]{8,}|\bxox[a-z]\.[0-9A-Za-z.-]{8,}")),
    ("url", _pattern(r"()https://hooks\.slack\.com/[^\s\"'<>]+")),
    ("token", _pattern(r"()\bgh[a-z]_[0-9A-Za-z]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_[0-9A-Za-z]{30,}")),
    ("key", _pattern(r"()\b[srp]k_(?:live|test)_[0-9A-Za-z]{10,}|\bwhsec_[0-9A-Za-z+/=]{10,}")),
    ("key", _pattern(r"()\bops_[0-9A-Za-z_-]{40,}")),
    ("key", _pattern(r"()\bsk-[0-9A-Za-z_-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}")),
    ("otpauth", _pattern(r"()otpauth://[^\s\"'<>]+", re.I)),
    ("credentials", _pattern(r"(://)[^\s/?#@:]*:[^\s/?#]+(?=@)")),
    ("header", _pattern(rf"((?:authorization|cookie){_SEPARATOR}){_MARKED}(?:{_QUOTED}|[^\r\n]+)", re.I)),
    ("bearer", _pattern(rf"(\bbearer\s+){_MARKED}[A-Za-z0-9._~+/=-]{{8,}}", re.I)),
    ("value", _pattern(rf"((?:{_NAMES})[\w-]{{0,40}}{_SEPARATOR}){_MARKED}(?:{_QUOTED}|[^\s&]+)", re.I)),
    ("value", _pattern(rf"(--(?:{_NAMES})[\w-]{{0,40}}\s+){_MARKED}(?:{_QUOTED}|\S+)", re.I)),
)  # fmt: skip
"""(what it is, pattern whose first group is kept). A private key goes first: it spans lines."""

_BASIC = _pattern(r"(\bbasic\s+)([A-Za-z0-9+/_-]{8,}={0,2})", re.I)
_CARD = _pattern(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?!\w)")
_HINT = _pattern(
    r"[:=]|--|eyJ|A[A-Z]{2}A|AIza|ya29\.|GOCSPX|xox|xapp|gh[a-z]_|github_pat_|glpat|npm_|[srp]k_|ops_|whsec_|sk-|SG\."
    r"|[Bb][Aa][Ss][Ii][Cc]|[Bb][Ee][Aa][Rr][Ee][Rr]|\d(?:[ -]?\d){12}"
)
"""Something every pattern needs: text without it, as most is, takes one search instead of all."""


def scrub(text: str) -> str:
    """`text` with every recognised secret replaced over its full span by `[redacted …]`."""
    if not _HINT.search(text):
        return text
    for label, pattern in _PATTERNS:
        text = pattern.sub(_marker(label), text)
    text = _BASIC.sub(_basic, text)
    return _CARD.sub(_card, text)


def is_card(digits: str) -> bool:
    """True for 13 to 19 digits of a payment card's range that pass Luhn's check."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":
        return False
    doubled = (int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _marker(label: str) -> Callable[[re.Match[str]], str]:
    return lambda match: f"{match.group(1) or ''}[redacted {label}]"


def _basic(match: re.Match[str]) -> str:
    """HTTP Basic, told from the plain word "basic" by a colon in what it decodes to."""
    text = match.group(2).rstrip("=")
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & {"-", "_"} else None)
    except (binascii.Error, ValueError):
        return match.group(0)
    return f"{match.group(1)}[redacted basic]" if b":" in decoded else match.group(0)


def _card(match: re.Match[str]) -> str:
    return "[redacted card]" if is_card(re.sub(r"\D", "", match.group(0))) else match.group(0)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = _words(
    "password passwords passwd passphrase passcode pwd pass secret secrets token tokens jwt otp totp hotp pin cvv cvc"
    " ssn cookie cookies csrf xsrf authorization credential credentials creds apikey signature bearer phpsessid"
    " csrftoken sessionid sid privatekey accesstoken refreshtoken idtoken authtoken otpauth pan"
)
_SECRET_ENDINGS = frozenset(["auth", "session", "symfony"])
"""Secret as the last word of a name (`user_session`), harmless in front (`auth_ops`, `session_age`)."""
_SECRET_PAIRS = frozenset(
    [(a, "key") for a in ("api", "access", "private", "secret", "signing", "encryption", "account", "auth", "session")]
    + [(a, "code") for a in ("auth", "authorization", "mfa", "backup", "recovery", "verification", "security", "otp")]
    + [("session", "id"), ("card", "number")]
)
_SECRET_PARTS = ("password", "passwd", "secret", "apikey", "privatekey", "accesskey", "credential", "authorization")
"""Found inside words written together, as in `dbpassword`."""
_MEASURES = _words(
    "count total n ttl minutes seconds ms ratio rate age length version step requested failed succeeded rejected"
    " completed created sent expired used revoked reset attempts limit"
)
"""Last words that make a name speak of how many or how long, not of the secret itself."""


@lru_cache(maxsize=1024)
def names_secret(key: str) -> bool:
    """True when a value under this name is to be hidden whatever it looks like."""
    words = tuple(word.lower() for word in _WORD.findall(key))
    if not words:
        return False
    joined = "".join(words)
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or words[-1] in _SECRET_ENDINGS
        or joined in _SECRET_WORDS
        or any(pair in _SECRET_PAIRS for pair in pairwise(words))
        or any(part in joined for part in _SECRET_PARTS)
    )


@lru_cache(maxsize=1024)
def names_measure(key: str) -> bool:
    """True when a number under this name counts or times something (`token_ttl_minutes`)."""
    words = _WORD.findall(key)
    return bool(words) and words[-1].lower() in _MEASURES
