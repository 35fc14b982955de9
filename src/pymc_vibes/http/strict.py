"""Parameters that a route does not have: refused, because a typing error would go unnoticed."""

import difflib
from collections.abc import Iterator

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.http.problems import is_navigation

MOST_NAMED = 5


def check_parameters(request: Request) -> None:
    """Raise `BadConfig` where the query names what the route does not take.

    A route whose parameters are the settings of a kind reads the query itself, and refuses by the
    fields of the kind that is asked. One that gives people a page takes what browsers send.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or _reads_itself(route):
        return
    if is_navigation(request.scope) and _is_page(route):
        return
    known = tuple(dict.fromkeys(_names(route.dependant)))
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        raise _refusal(unknown[:MOST_NAMED], known)


STRICT = (Depends(check_parameters),)
"""What the routes of programs depend on; pages and files do not."""


def _reads_itself(route: APIRoute) -> bool:
    """Whether its parameters are described by hand; a hidden route only says what is not there."""
    return not route.include_in_schema or "parameters" in (route.openapi_extra or {})


def _is_page(route: APIRoute) -> bool:
    return "text/html" in route.responses.get(200, {}).get("content", {})


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for part in dependant.dependencies:
        yield from _names(part)


def _refusal(unknown: list[str], known: tuple[str, ...]) -> BadConfig:
    near = (difflib.get_close_matches(name, known, n=1) for name in unknown)
    meant = [names[0] for names in near if names]
    every = f"There are: {', '.join(known)}." if known else "This address takes none."
    listed = ", ".join(repr(name[:80]) for name in unknown)
    word = "parameter" if len(unknown) == 1 else "parameters"
    return BadConfig(
        f"There is no {word} {listed}.",
        hint=f"Did you mean {', '.join(meant)}? {every}" if meant else every,
        fields=[{"field": name[:80], "reason": "no such parameter"} for name in unknown],
    )
