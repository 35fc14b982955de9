"""Every HTTP route, from the same OpenAPI document that a server gives."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pymc_vibes.http.app import create_app
from pymc_vibes.http.deps import SCOPE
from pymc_vibes.settings import Settings
from scripts.site.fields import bounds_of, default_of, value_of
from scripts.site.markdown import block, code, definition, heading, noted, page, plain, table

_METHODS = ("get", "post", "patch", "delete")
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
        yield f"reference/http/{group}.md", page(heading(f"HTTP: {group.replace('-', ' ')}"), *told)
    yield (
        "reference/http.md",
        page(
            heading("HTTP"),
            _INTRODUCTION,
            document["info"]["description"],
            *(part for group, operations in groups.items() for part in _listed(group, operations)),
        ),
    )


def _listed(group: str, operations: Iterable[Operation]) -> Iterator[str]:
    yield heading(f"[{group.replace('-', ' ').capitalize()}](http/{group}.md)", 2)
    header = ("route", "what it does", "scope")
    yield table(header, [_short(group, *one) for one in operations])


def _short(group: str, method: str, path: str, operation: Mapping[str, Any]) -> tuple[str, ...]:
    link = f"[{code(f'{method.upper()} {path}')}](http/{group}.md#{_place(method, path)})"
    return link, plain(operation.get("summary", "")), _scope(method, operation)


def _place(method: str, path: str) -> str:
    """Name the place of a route on its page.

    >>> _place("get", "/posterior/{cohort}/{event}")
    'get-posterior-cohort-event'
    """
    return "-".join([method, *re.findall(r"[\w-]+", path)]).lower()


def _scope(method: str, operation: Mapping[str, Any]) -> str:
    return "read" if method == "get" else str(operation.get(SCOPE, "admin"))


def _operation(
    method: str, path: str, operation: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[str]:
    yield f"({_place(method, path)})="
    yield heading(code(f"{method.upper()} {path}"), 2)
    summary = f"{plain(operation.get('summary', '')).rstrip('.')}."
    yield f"{summary} {plain(operation.get('description', ''))}"
    yield from (_parameter(one, known) for one in operation.get("parameters", ()))
    bodies = operation.get("requestBody", {}).get("content", {})
    if bodies:
        yield f"Body: {', '.join(map(code, bodies))}."
    for media in bodies.values():
        yield from _example(media.get("examples", {}))
    good = [status for status in operation["responses"] if status.startswith(("2", "3"))]
    yield f"Answers {', '.join(map(code, good))}; needs the scope `{_scope(method, operation)}`."


def _parameter(parameter: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    meaning = plain(parameter.get("description") or schema.get("description", ""))
    where = "" if parameter["in"] == "query" else f"in the {parameter['in']}"
    is_needed = "required" if parameter.get("required") else default_of(schema)
    facts = (value_of(schema, known), where, is_needed)
    return definition(code(parameter["name"]), facts, noted(meaning, bounds_of(schema)))


def _example(examples: Mapping[str, Any]) -> Iterator[str]:
    """Show the first example; `/openapi.json` has those of every kind."""
    for name, example in list(examples.items())[:1]:
        yield f"For example ({name}):"
        yield block(json.dumps(example["value"], indent=2, ensure_ascii=False), "json")
