"""Values from a query string: text becomes what the field of a record expects."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import QueryParams

from pymc_vibes.core.errors import BadRequest
from pymc_vibes.http import schema


def split(
    given: QueryParams, first: type[BaseModel], *, besides: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the values of the fields of `first`, and all others; empty text is absent."""
    known = schema.properties(first)
    values: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name in given:
        texts = [text for text in given.getlist(name) if text]
        if name in besides or not texts:
            continue
        target = values if name in known else others
        target[name] = read(texts, known.get(name, {}))
    return values, others


def read(texts: list[str], described: Mapping[str, Any]) -> Any:
    """Read one parameter: JSON where the field is structured, else text for the record to parse."""
    types = _types(described)
    if len(texts) > 1:
        return texts
    text = texts[0]
    if text[0] in "{[" and (types & {"array", "object"} or not types):
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadRequest(f"{text[:80]!r} is not JSON: {error}.") from error
    return [text] if "array" in types and "string" not in types else text


def _types(described: Mapping[str, Any]) -> set[str]:
    options = [described, *described.get("anyOf", ()), *described.get("oneOf", ())]
    found = {str(option["type"]) for option in options if isinstance(option.get("type"), str)}
    return found | ({"object"} if any("$ref" in option for option in options) else set())
