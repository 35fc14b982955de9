"""The columns, settings and questions of a kind as text, laid out like `--help`.

A paragraph per entry rather than a table: every word stays readable in a narrow terminal.
"""

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymc_vibes.cli.options import flag

_WIDEST = 100
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def option_lines(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines that describe the options of a config or of a question's parameters."""
    if not schema.get("properties"):
        yield "  (no options)"
    for name, field in schema.get("properties", {}).items():
        yield from _option(flag(name), field, schema, required=name in schema.get("required", ()))


def column_lines(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines that describe the columns of a kind's events."""
    for column in schema["columns"]:
        required = ", required" if column["required"] or column["expected"] else ""
        aliases = f"  (also: {', '.join(column['aliases'])})" if column["aliases"] else ""
        yield from _filled(f"{column['name']}  {column['type']}{required}{aliases}", indent=2)
        yield from _filled(column["about"], indent=6)
    for pattern in schema.get("patterns", ()):
        yield from _filled(f"{pattern['prefix']}*  {pattern['type']}", indent=2)
        yield from _filled(pattern["about"], indent=6)


def question_lines(queries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give the lines that name the further questions of a kind."""
    if not queries:
        yield "  (none)"
    for query in queries:
        yield from _filled(f"{query['slug']}  {query['title']}", indent=2)
        yield from _filled(query["about"], indent=6)


def prose_lines(text: str) -> Iterator[str]:
    r"""Give a docstring's lines to fit the terminal; indented ones, formulas, stay as they are.

    >>> list(prose_lines("One\ntwo.\n\n    a = b\n"))
    ['One two.', '', '    a = b', '']
    """
    for paragraph in text.strip("\n").split("\n\n"):
        lines = paragraph.splitlines()
        if any(line.startswith(" ") for line in lines):
            yield from lines
        else:
            yield from _filled(" ".join(lines), indent=0)
        yield ""


def _option(
    name: str, field: Mapping[str, Any], schema: Mapping[str, Any], *, required: bool
) -> Iterator[str]:
    forms, inside = _forms(field, schema), _parts(field, schema)
    default = "as below" if inside and field.get("default") else json.dumps(field.get("default"))
    given = "required" if required else f"default: {default}"
    kind = " | ".join(forms) if forms else _type(_resolved(field, schema.get("$defs", {})))
    yield from _filled(f"{name} {'settings' if inside else kind}  [{given}]", indent=2)
    yield from _filled(_about(field), indent=6)
    yield from _filled(
        ", ".join(_part(f"{name}.{p}", f, schema) for p, f in inside.items()), indent=6
    )
    for tag, form in forms.items():
        parts = [
            f"{name}.{flag(part)[2:]} {_type(inner)}"
            for part, inner in form["properties"].items()
            if part != "kind"
        ]
        yield from _filled(", ".join([f"{name}.kind {tag}", *parts]), indent=6)


def _part(name: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Write a setting inside another one, with its default where that is a plain value."""
    default = field.get("default")
    is_plain = default is not None and not isinstance(default, Mapping)
    kind = " | ".join(_forms(field, schema)) or _type(field)
    return f"{name} {kind}{f' [{json.dumps(default)}]' if is_plain else ''}"


def _parts(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the settings inside a setting that is a record, by their flag; none where it is not."""
    known = schema.get("$defs", {})
    options = [_resolved(option, known) for option in (field, *field.get("anyOf", ()))]
    empty: Mapping[str, Any] = {}
    found = next((option["properties"] for option in options if "properties" in option), empty)
    return {flag(part)[2:]: _resolved(inner, known) for part, inner in found.items()}


def _forms(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the forms that a setting may take, by their tag; none where it is a plain value."""
    known = schema.get("$defs", {})
    found = [_resolved(option, known) for option in (field, *field.get("anyOf", ()))]
    forms = [_resolved(form, known) for option in found for form in option.get("oneOf", ())]
    return {form["properties"]["kind"]["const"]: form for form in forms}


def _resolved(field: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    return known[field["$ref"].rsplit("/", 1)[-1]] if "$ref" in field else field


def _type(field: Mapping[str, Any]) -> str:
    options = field.get("anyOf") or field.get("oneOf")
    if options:
        kinds = [_type(option) for option in options]
        return " | ".join(kind for kind in kinds if kind != "null")
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "additionalProperties" in field:
        return "name=number ..."
    if "$ref" in field:
        return "object"
    return str(field.get("const", field.get("format", field.get("type", "value"))))


def _about(field: Mapping[str, Any]) -> str:
    said = [
        f"{words} {bounded[key]:{',' if isinstance(bounded[key], int) else 'g'}}"
        for bounded in (field, *field.get("anyOf", ()))
        for key, words in _BOUNDS.items()
        if key in bounded
    ]
    unit = [f"in {field['unit']}"] if "unit" in field else []
    notes = ", ".join((*unit, *said))
    about = str(field.get("description", ""))
    return f"{about} ({notes})" if notes else about


def _filled(text: str, *, indent: int) -> list[str]:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    margin = " " * indent
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=margin,
        subsequent_indent=f"{margin}  " if indent == 2 else margin,
        break_on_hyphens=False,
    )
