"""Every HTTP route, from the same OpenAPI document that a server gives."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymc_vibes.http.app import create_app
from pymc_vibes.http.deps import SCOPE
from pymc_vibes.settings import Settings
from scripts.site.fields import bounds_of, value_of
from scripts.site.markdown import block, code, heading, noted, page, plain, table

_METHODS = ("get", "post", "patch", "delete")
_HEADER = ("name", "in", "value", "default", "meaning")
_INTRODUCTION = (
    "Every route, by subject. A server shows the same at `/docs`, and `/openapi.json` has the "
    "exact schema of each body and answer. What can go wrong is a "
    "[problem document](problems.md)."
)

type Operation = tuple[str, str, Mapping[str, Any]]


def route_pages() -> Iterator[tuple[str, str]]:
    """Give path and text of a page for each subject, and of the list of them."""
    document = create_app(Settings(home=Path("unused")), quiet=True).openapi()
    known = document["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in (name for name in _METHODS if name in methods):
            operation = methods[method]
            group = (operation.get("tags") or ["other"])[0].replace(" ", "-")
            groups.setdefault(group, []).append((method, path, operation))
    for group, operations in groups.items():
        told = [part for operation in operations for part in _operation(*operation, known)]
        yield f"reference/http/{group}.md", page(heading(f"HTTP: {group}"), *told)
    yield (
        "reference/http.md",
        page(
            heading("HTTP"),
            _INTRODUCTION,
            document["info"]["description"],
            table(
                ("route", "what it does", "subject", "scope"),
                [_short(group, *one) for group, operations in groups.items() for one in operations],
            ),
        ),
    )


def _short(group: str, method: str, path: str, operation: Mapping[str, Any]) -> tuple[str, ...]:
    summary = plain(operation.get("summary", ""))
    return (
        code(f"{method.upper()} {path}"),
        summary,
        f"[{group}](http/{group}.md)",
        _scope(method, operation),
    )


def _scope(method: str, operation: Mapping[str, Any]) -> str:
    return "read" if method == "get" else str(operation.get(SCOPE, "admin"))


def _operation(
    method: str, path: str, operation: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[str]:
    yield heading(code(f"{method.upper()} {path}"), 2)
    summary = f"{plain(operation.get('summary', '')).rstrip('.')}."
    yield f"{summary} {plain(operation.get('description', ''))}"
    yield table(_HEADER, [_parameter(one, known) for one in operation.get("parameters", ())])
    bodies = operation.get("requestBody", {}).get("content", {})
    if bodies:
        yield f"Body: {', '.join(map(code, bodies))}."
    for media in bodies.values():
        yield from _example(media.get("examples", {}))
    good = [status for status in operation["responses"] if status.startswith(("2", "3"))]
    yield f"Answers {', '.join(map(code, good))}; needs the scope `{_scope(method, operation)}`."


def _parameter(parameter: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[str, ...]:
    schema = parameter.get("schema", {})
    meaning = plain(parameter.get("description") or schema.get("description", ""))
    bounds = bounds_of(schema)
    default = code(json.dumps(schema["default"])) if schema.get("default") is not None else ""
    return (
        code(parameter["name"]),
        parameter["in"],
        value_of(schema, known),
        "required" if parameter.get("required") else default,
        noted(meaning, bounds),
    )


def _example(examples: Mapping[str, Any]) -> Iterator[str]:
    """Show the first example; `/openapi.json` has those of every kind."""
    for name, example in list(examples.items())[:1]:
        yield f"For example ({name}):"
        yield block(json.dumps(example["value"], indent=2, ensure_ascii=False), "json")
