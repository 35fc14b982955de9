"""Pages by key: the next page begins after the last name or id of this one."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.datastructures import QueryParams

Limit = Annotated[int, Query(ge=1, le=1000, description="Most items on a page.", examples=[20])]
After = Annotated[
    str | None, Query(max_length=2000, description="Where the page begins: `next` of the last.")
]


def next_page(request: Request, response: Response, **changes: Any) -> str:
    """Give the address of the next page, and set it as the `Link` header."""
    kept = {name: value for name, value in request.query_params.items() if name not in changes}
    query = str(QueryParams({**kept, **{name: str(value) for name, value in changes.items()}}))
    address = f"{request.scope['path']}?{query}"
    response.headers["Link"] = f'<{address}>; rel="next"'
    return address
