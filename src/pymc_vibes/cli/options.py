"""Options that a kind brings along: derived from its JSON schema, never written by hand.

`--level 0.9`, `--prior.kind mean` and `--set prior.kind=mean` all say the same as the JSON body of
the HTTP API. Values travel as text and are checked where the kind is.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymc_vibes.cli.misuse import Misuse

_JSON = ("{", "[", "true", "false", "null")


def read_options(
    tokens: Sequence[str], assignments: Iterable[str] = (), *, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Read `--name value`, `--name=value` and `name=value` pairs into a nested mapping.

    Names that people chose, such as those of variants, stay as they are written.

    >>> schema = {"properties": {"level": {"type": "number"}, "seed": {"type": "integer"}}}
    >>> read_options(["--level", "0.9"], ["seed=7"], schema=schema)
    {'level': '0.9', 'seed': '7'}
    """
    pairs = [*_flags(list(tokens)), *(split_assignment(text) for text in assignments)]
    values: dict[str, Any] = {}
    for path, text in pairs:
        first, *rest = path.split(".")
        field = first.replace("-", "_")
        parts = [field, *(rest if _is_free(schema, field) else (_snake(part) for part in rest))]
        place = values
        for parent in parts[:-1]:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise Misuse(f"{path} asks for a part of {parent}, which is given whole as well.")
        place[parts[-1]] = _value(text, schema, field if not rest else None)
    return values


def check_known(values: Mapping[str, Any], schema: Mapping[str, Any], *, of: str) -> None:
    """Raise `Misuse` for a name that the schema lacks, suggesting what was meant.

    >>> check_known({"n": "5"}, {"properties": {"draws": {}}, "x-also": ["n"]}, of="it")
    >>> check_known({"m": "5"}, {"properties": {"draws": {}}, "x-also": ["n"]}, of="it")
    Traceback (most recent call last):
    pymc_vibes.cli.misuse.Misuse: it has no option --m.
    """
    known = schema.get("properties", {})
    also = schema.get("x-also", ())
    for name in values:
        if name not in known and name not in also:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {flag(near[0])}?" if near else None
            every = f"It has: {', '.join(flag(k) for k in known)}." if known else "It has none."
            raise Misuse(f"{of} has no option {flag(name)}.", hint=hint or every)


def split_assignment(text: str) -> tuple[str, str]:
    """Split `name=value`, or raise `Misuse`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Misuse(f"{text!r} is not an assignment.", hint="Write it as name=value.")
    return name, value


def flag(name: str) -> str:
    """Write a field's name as an option.

    >>> flag("loss_threshold")
    '--loss-threshold'
    """
    return f"--{name.replace('_', '-')}"


def _flags(tokens: list[str]) -> list[tuple[str, str]]:
    pairs = []
    while tokens:
        token = tokens.pop(0)
        if not token.startswith("--") or token == "--":  # noqa: S105  # a dash, not a password
            raise Misuse(
                f"{token!r} stands alone.",
                hint="Write options as --name value or --set name=value.",
            )
        name, equals, value = token[2:].partition("=")
        if not equals:
            value = tokens.pop(0) if tokens and not tokens[0].startswith("--") else "true"
        pairs.append((name, value))
    return pairs


def _snake(name: str) -> str:
    return name.replace("-", "_")


def _is_free(schema: Mapping[str, Any], field: str) -> bool:
    """Say whether the field is a mapping whose keys are not ours."""
    found = schema.get("properties", {}).get(field, {})
    return any("additionalProperties" in option for option in (found, *found.get("anyOf", ())))


def _value(text: str, schema: Mapping[str, Any], field: str | None) -> Any:
    """Read a value; where text is wanted it stays text, even if it reads `true` or `[1]`."""
    found = schema.get("properties", {}).get(field, {})
    types = {option.get("type") for option in (found, *found.get("anyOf", ()))} - {None}
    if types == {"string"} or (types == {"string", "null"} and text != "null"):
        return text
    if not text.startswith(_JSON):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
