"""What must never be shown or logged, and texts without it."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from pymc_vibes.settings import Settings, is_address, masked

MASK = "[hidden]"
SHORTEST = 8  # a shorter one may be a word of any sentence; in addresses it is masked all the same
_NAME = re.compile(r"secret|token|password|authorization|cookie|api_?key", re.IGNORECASE)
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*")


def secrets_of(settings: Settings) -> Iterator[str]:
    """Give every secret of the settings: those declared as such, and passwords in addresses."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, str) and is_address(value):
            password = urlsplit(value).password
            # as it is written in the address, and as it is meant
            yield from {password, unquote(password)} if password else ()


class Redactor:
    """Takes the secrets of these settings out of texts, and whatever looks like a token."""

    def __init__(self, settings: Settings) -> None:
        known = {secret for secret in secrets_of(settings) if len(secret) >= SHORTEST}
        # also as they look in the middle of JSON and of a representation
        spelled = {form for secret in known for form in (secret, *_escaped(secret))}
        longest_first = sorted(spelled, key=lambda secret: (-len(secret), secret))
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def text(self, text: str) -> str:
        """Give a text without secrets."""
        return masked(_TOKEN.sub(MASK, self._known.sub(MASK, text)))

    def value(self, value: Any) -> Any:
        """Give a JSON-like value without secrets, in values and in what stands under their names.

        >>> Redactor(Settings()).value({"url": "x://a:b@c", "auth": {"api_key": "d"}, "n": 1})
        {'url': 'x://a:***@c', 'auth': {'api_key': '[hidden]'}, 'n': 1}
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                name: MASK if _NAME.search(str(name)) else self.value(inner)
                for name, inner in value.items()
            }
        return [self.value(inner) for inner in value] if isinstance(value, list | tuple) else value


def _escaped(secret: str) -> tuple[str, str]:
    return json.dumps(secret)[1:-1], repr(secret)[1:-1]
