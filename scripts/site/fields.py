"""The fields of a JSON schema as a list: settings, parameters of questions, bodies."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.site.markdown import amount, code, definition, noted, page, plain

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} letters",
    "maxLength": "at most {} letters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
}
_TOGETHER = {  # both ends in one
    ("minimum", "maximum"): "{} to {}",
    ("minLength", "maxLength"): "{} to {} letters",
    ("minItems", "maxItems"): "{} to {} entries",
}
_DEEPEST = 4  # of settings inside settings

type Schema = Mapping[str, Any]


def field_list(schema: Schema) -> str:
    """List the fields of a schema with those inside them: name, value, default, meaning."""
    return page(*_fields(schema, schema.get("$defs", {}), "")).rstrip()


def value_of(field: Schema, known: Schema | None = None) -> str:
    """Name what a field may hold."""
    known = known or {}
    options = [_resolved(one, known) for one in field.get("anyOf", (field,))]
    names = [_type(option, known) for option in options if option.get("type") != "null"]
    return " or ".join(dict.fromkeys(names))


def bounds_of(field: Schema) -> str:
    """Say the bounds of a field in words.

    >>> bounds_of({"minimum": 0.5, "anyOf": [{"minLength": 1, "maxLength": 2000}]})
    'at least 0.5, 1 to 2,000 letters'
    """
    return ", ".join(
        words for part in (field, *field.get("anyOf", ())) for words in _bounds_of_one(part)
    )


def default_of(field: Schema) -> str:
    """Say what a field is that is not given."""
    value = field.get("default")
    if value is None:
        return ""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"default {code(told)}" if told else ""


def _bounds_of_one(part: Schema) -> Iterator[str]:
    left = [name for name in _BOUNDS if name in part]
    for ends, words in _TOGETHER.items():
        if all(end in left for end in ends):
            yield words.format(*(amount(part[end]) for end in ends))
            left = [name for name in left if name not in ends]
    yield from (_BOUNDS[name].format(amount(part[name])) for name in left)


def _fields(schema: Schema, known: Schema, prefix: str, form: str = "") -> Iterator[str]:
    """Write each field; those of a form say which."""
    needed = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        field = {**_resolved(given, known), **{k: v for k, v in given.items() if k != "$ref"}}
        notes = [bounds_of(field), f"in {field['unit']}" if "unit" in field else ""]
        meaning = plain(given.get("description") or field.get("description", ""))
        is_needed = "required" if name in needed else default_of(field)
        facts = (value_of(field, known), is_needed, form)
        yield definition(code(f"{prefix}{name}"), facts, noted(meaning, *notes))
        yield from _inside(field, known, f"{prefix}{name}")


def _inside(field: Schema, known: Schema, name: str) -> Iterator[str]:
    """Write the fields of a record, of each form of a union, and of the entries of a list."""
    if name.count(".") + 1 >= _DEEPEST:
        return
    for option in (_resolved(one, known) for one in (field, *field.get("anyOf", ()))):
        if "properties" in option:
            yield from _fields(option, known, f"{name}.")
        for form in option.get("oneOf", ()):
            yield from _form(_resolved(form, known), known, name)
        if "items" in option:
            yield from _inside(_resolved(option["items"], known), known, f"{name}[]")
        if isinstance(option.get("additionalProperties"), Mapping):
            inner = _resolved(option["additionalProperties"], known)
            yield from _inside(inner, known, f"{name}.NAME")


def _form(form: Schema, known: Schema, name: str) -> Iterator[str]:
    properties = dict(form["properties"])
    tag = code(properties.pop("kind")["const"])
    yield definition(code(f"{name}.kind"), (tag,), plain(form.get("description", "")))
    rest = {**form, "properties": properties}
    yield from _fields(rest, known, f"{name}.", f"with {tag}")


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


def _resolved(field: Schema, known: Schema) -> Schema:
    if "$ref" not in field:
        return field
    return _resolved(known[field["$ref"].rsplit("/", 1)[-1]], known)
