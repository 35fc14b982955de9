"""Who asks: bearer tokens, checked by one strict rule, and the scopes they carry.

A token is a JWT signed with HS256 (our secret) or RS256 (a public key); the algorithm decides the
key, so that a public key can never pass as a secret. `exp`, `aud` and `iss` must be there, `nbf` is
obeyed, and no token lives longer than the settings allow. Scopes stand in `scope`, separated by
spaces; `SCOPES` says what each allows.

The library checks the signature alone; every claim is checked here.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey

from pymc_vibes.core.errors import BadConfig, NotAuthenticated
from pymc_vibes.settings import Settings

SCOPES: Mapping[str, str] = {
    "read": "see experiments, events and answers, and ask what changes nothing",
    "ingest": "make experiments and add events",
    "run": "start, cancel and repeat runs, and take assignments that are kept",
    "admin": "all of these, and change settings, forget answers and delete experiments",
}
USUAL = ("read", "ingest", "run")
"""What a token may do where nobody says: everything but take away."""
COOKIE = "vibes_session"
LEEWAY = 30  # seconds that two clocks may differ
DAY = 86_400
MAX_TOKEN = 8_192  # characters; ours have about 300

_HINT = (
    "`vibes token create` makes one where the server runs. Send it as "
    "`Authorization: Bearer TOKEN`; the command line takes it from VIBES_TOKEN."
)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who asks, what they may do, and how they showed who they are."""

    subject: str
    scopes: frozenset[str]
    via: Literal["open", "bearer", "cookie"]
    expires: float | None = None
    """Seconds since 1970; None without a token."""


LOCAL = Principal(subject="local", scopes=frozenset(SCOPES), via="open")
"""Everybody, where no authentication is configured."""


def create_token(settings: Settings, subject: str, scopes: Iterable[str], days: float) -> str:
    """Sign a token with the configured secret, or raise `BadConfig`."""
    wanted = tuple(dict.fromkeys(scopes))
    if settings.auth_secret is None:
        raise BadConfig(
            "Tokens are signed with VIBES_AUTH_SECRET, which is not set.",
            hint="Set it to a long random text, for the server too: "
            'export VIBES_AUTH_SECRET="$(openssl rand -hex 32)". '
            "With VIBES_AUTH_PUBLIC_KEY alone, whoever holds the private key signs them.",
        )
    if unknown := sorted(set(wanted) - set(SCOPES)):
        raise BadConfig(f"There is no scope {unknown[0][:80]!r}; there are {', '.join(SCOPES)}.")
    if not wanted or not subject.strip():
        raise BadConfig("A token needs a subject and at least one scope.")
    if not 0 < days <= settings.auth_max_days:
        raise BadConfig(
            f"A token lives more than 0 and at most {settings.auth_max_days} days, not {days:g}.",
            hint="VIBES_AUTH_MAX_DAYS sets the limit.",
        )
    now = int(time.time())
    claims = {
        "sub": subject,
        "scope": " ".join(wanted),
        "aud": settings.auth_audience,
        "iss": settings.auth_issuer,
        "iat": now,
        "nbf": now,
        "exp": now + int(days * DAY),
    }
    key = OctKey.import_key(settings.auth_secret.get_secret_value())
    return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])


class Verifier:
    """Turns a token into a principal, or raises `NotAuthenticated`."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._keys: dict[str, OctKey | RSAKey] = {}
        if settings.auth_secret is not None:
            self._keys["HS256"] = OctKey.import_key(settings.auth_secret.get_secret_value())
        if settings.auth_public_key is not None:
            self._keys["RS256"] = _public_key(settings.auth_public_key)

    def verify(self, token: str, via: Literal["bearer", "cookie"]) -> Principal:
        """Check signature and claims."""
        claims = self._signed(token)
        expires = self._lifetime(claims)
        if claims.get("iss") != self._settings.auth_issuer:
            raise _refused("was issued by somebody else")
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if self._settings.auth_audience not in named:
            raise _refused("is meant for another audience")
        scope, subject = claims.get("scope", ""), claims.get("sub", "")
        if not isinstance(scope, str) or not isinstance(subject, str):
            raise _refused("has a scope or subject that is not text")
        return Principal(
            subject=subject[:200],
            scopes=_granted(scope),
            via=via,
            expires=expires,
        )

    def _signed(self, token: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN:
            raise _refused("is too long to be one of ours")
        for algorithm, key in self._keys.items():
            try:
                return jwt.decode(token, key, algorithms=[algorithm]).claims
            except (JoseError, ValueError, TypeError, KeyError, RecursionError):
                continue  # each key is tried under its own algorithm only
        raise _refused("is not signed with the key of this server")

    def _lifetime(self, claims: Mapping[str, Any]) -> float:
        now = self._now()
        expires = _instant(claims, "exp")
        if expires is None:
            raise _refused("does not say when it expires")
        if expires <= now - LEEWAY:
            raise _refused("has expired")
        if expires > now + self._settings.auth_max_days * DAY + LEEWAY:
            raise _refused(f"lives longer than {self._settings.auth_max_days} days")
        for claim in ("nbf", "iat"):
            begins = _instant(claims, claim)
            if begins is not None and begins > now + LEEWAY:
                raise _refused("is not valid yet")
        return expires


def _granted(scope: str) -> frozenset[str]:
    named = frozenset(scope.split()) & frozenset(SCOPES)
    return frozenset(SCOPES) if "admin" in named else named


def csrf_token(session: str) -> str:
    """Derive the token that a form of this session must carry.

    Only who holds the session can compute it, and it does not give the session away.
    """
    return hmac.new(session.encode(), b"pymc-vibes form token", hashlib.sha256).hexdigest()


def same_token(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"has an {name} that is not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(f"has an {name} that is not a time")
    if not 0 <= value < 2**40:
        raise _refused(f"has an {name} that is not a time")
    return float(value)


def _refused(why: str) -> NotAuthenticated:
    return NotAuthenticated(f"The token {why}.", hint=_HINT)


def missing() -> NotAuthenticated:
    """Say that a token is needed."""
    return NotAuthenticated("This needs a token.", hint=_HINT)


def _public_key(text_or_path: str) -> RSAKey:
    text = text_or_path
    try:
        if "-----BEGIN" not in text:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        key = RSAKey.import_key(text)
    except (OSError, ValueError, JoseError) as error:
        raise BadConfig(
            f"VIBES_AUTH_PUBLIC_KEY is neither a PEM key nor a file that holds one: {error}."
        ) from error
    if key.is_private:
        raise BadConfig(
            "VIBES_AUTH_PUBLIC_KEY holds a private key.",
            hint="Give the server the public half only: `openssl rsa -in key.pem -pubout`.",
        )
    return key
