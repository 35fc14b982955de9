"""Options that a kind brings along: derived from its JSON schema, never written by hand.

`--level 0.9`, `--prior.kind mean` and `--set prior.kind=mean` all say the same as the JSON body of
the HTTP API. Values travel as text and are checked where the kind is.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymc_vibes.core.errors import BadConfig

_JSON = ("{", "[", "true", "false", "null")


def read_options(tokens: Sequence[str], assignments: Iterable[str] = ()) -> dict[str, Any]:
    """Read `--name value`, `--name=value` and `name=value` pairs into a nested mapping.

    >>> read_options(["--level", "0.9", "--prior.kind=mean"], ["seed=7"])
    {'level': '0.9', 'prior': {'kind': 'mean'}, 'seed': '7'}
    """
    pairs = [*_flags(list(tokens)), *(_split(text) for text in assignments)]
    values: dict[str, Any] = {}
    for path, text in pairs:
        *parents, last = path.replace("-", "_").split(".")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = _value(text)
    return values


def check_known(values: Mapping[str, Any], schema: Mapping[str, Any], *, of: str) -> None:
    """Raise `BadConfig` for a name that the schema lacks, suggesting what was meant."""
    known = schema.get("properties", {})
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean --{near[0].replace('_', '-')}?" if near else None
            raise BadConfig(
                f"{of} has no option --{name.replace('_', '-')}.",
                hint=hint or f"It has: {', '.join(f'--{k.replace("_", "-")}' for k in known)}.",
            )


def describe_options(schema: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Give a row per option: name, type, default, meaning with bounds and unit."""
    required = set(schema.get("required", ()))
    return [
        (
            f"--{name.replace('_', '-')}",
            _type(field, schema),
            "required" if name in required else json.dumps(field.get("default")),
            _about(field),
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _flags(tokens: list[str]) -> list[tuple[str, str]]:
    pairs = []
    while tokens:
        token = tokens.pop(0)
        if not token.startswith("--") or token == "--":  # noqa: S105  # a dash, not a password
            raise BadConfig(
                f"{token!r} stands alone.",
                hint="Write options as --name value or --set name=value.",
            )
        name, equals, value = token[2:].partition("=")
        if not equals:
            value = tokens.pop(0) if tokens and not tokens[0].startswith("--") else "true"
        pairs.append((name, value))
    return pairs


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadConfig(f"{text!r} is not an assignment.", hint="Write it as name=value.")
    return name, value


def _value(text: str) -> Any:
    if not text.startswith(_JSON):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rsplit("/", 1)[-1]]
        return str(field.get("title", "object"))
    options = field.get("anyOf") or field.get("oneOf")
    if options:
        kinds = [_type(option, schema) for option in options]
        return " | ".join(kind for kind in kinds if kind != "null")
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    return str(field.get("const", field.get("format", field.get("type", "value"))))


def _about(field: Mapping[str, Any]) -> str:
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
    }
    said = [f"{words} {field[key]:g}" for key, words in bounds.items() if key in field]
    unit = [f"in {field['unit']}"] if "unit" in field else []
    notes = ", ".join((*unit, *said))
    about = str(field.get("description", ""))
    return f"{about} ({notes})" if notes else about
