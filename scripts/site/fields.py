"""The fields of a JSON schema as rows of a table: settings, parameters of questions, bodies."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.site.markdown import amount, code, noted, plain, table

HEADER = ("name", "value", "default", "meaning")
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minLength": "letters, at least",
    "maxLength": "letters, at most",
    "minItems": "entries, at least",
    "maxItems": "entries, at most",
}
_DEEPEST = 4  # of settings inside settings

type Schema = Mapping[str, Any]


def field_table(schema: Schema) -> str:
    """List the fields of a schema with those inside them: name, value, default, meaning."""
    return table(HEADER, _rows(schema, schema.get("$defs", {}), ""))


def value_of(field: Schema, known: Schema | None = None) -> str:
    """Name what a field may hold."""
    known = known or {}
    options = [_resolved(one, known) for one in field.get("anyOf", (field,))]
    names = [_type(option, known) for option in options if option.get("type") != "null"]
    return " or ".join(dict.fromkeys(names))


def bounds_of(field: Schema) -> str:
    """Say the bounds of a field in words.

    >>> bounds_of({"minimum": 0.5, "anyOf": [{"maximum": 2000000}]})
    'at least 0.5, at most 2,000,000'
    """
    said = [
        f"{words} {amount(part[key])}"
        for part in (field, *field.get("anyOf", ()))
        for key, words in _BOUNDS.items()
        if key in part
    ]
    return ", ".join(said)


def _rows(schema: Schema, known: Schema, prefix: str) -> Iterator[tuple[str, ...]]:
    needed = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        field = {**_resolved(given, known), **{k: v for k, v in given.items() if k != "$ref"}}
        notes = [bounds_of(field), f"in {field['unit']}" if "unit" in field else ""]
        meaning = plain(given.get("description") or field.get("description", ""))
        yield (
            code(f"{prefix}{name}"),
            value_of(field, known),
            "required" if name in needed else _default(field),
            noted(meaning, *notes),
        )
        yield from _inside(field, known, f"{prefix}{name}")


def _inside(field: Schema, known: Schema, name: str) -> Iterator[tuple[str, ...]]:
    """Give the rows of a record, of each form of a union, and of the entries of a list."""
    if name.count(".") + 1 >= _DEEPEST:
        return
    for option in (_resolved(one, known) for one in (field, *field.get("anyOf", ()))):
        if "properties" in option:
            yield from _rows(option, known, f"{name}.")
        for form in option.get("oneOf", ()):
            yield from _form(_resolved(form, known), known, name)
        if "items" in option:
            yield from _inside(_resolved(option["items"], known), known, f"{name}[]")
        if isinstance(option.get("additionalProperties"), Mapping):
            inner = _resolved(option["additionalProperties"], known)
            yield from _inside(inner, known, f"{name}.NAME")


def _form(form: Schema, known: Schema, name: str) -> Iterator[tuple[str, ...]]:
    properties = dict(form["properties"])
    tag = properties.pop("kind")["const"]
    yield code(f"{name}.kind"), code(tag), "", plain(form.get("description", ""))
    for row in _rows({**form, "properties": properties}, known, f"{name}."):
        yield (*row[:3], f"with {code(tag)}: {row[3]}")


def _type(option: Schema, known: Schema) -> str:
    if "const" in option:
        return code(option["const"])
    if "enum" in option:
        return ", ".join(code(value) for value in option["enum"])
    if "oneOf" in option:
        forms = (_resolved(form, known)["properties"]["kind"]["const"] for form in option["oneOf"])
        return "one form of: " + ", ".join(code(form) for form in forms)
    if isinstance(option.get("additionalProperties"), Mapping):
        return f"by name: {value_of(option['additionalProperties'], known)}"
    if "items" in option:
        return f"list of {value_of(option['items'], known)}"
    if "properties" in option:
        return "settings"
    return str(option.get("format") or option.get("type", "any"))


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None:
        return ""
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _resolved(field: Schema, known: Schema) -> Schema:
    if "$ref" not in field:
        return field
    return _resolved(known[field["$ref"].rsplit("/", 1)[-1]], known)
