"""Nothing that a client can send is without bounds: the whole description is walked."""

from collections.abc import Iterator
from typing import Any

import pytest

from pymc_vibes.core.kind import Kind
from pymc_vibes.http.app import create_app
from pymc_vibes.http.limits import COST
from pymc_vibes.kinds import catalog
from pymc_vibes.settings import Settings

type Place = tuple[str, ...]

DOCUMENT: dict[str, Any] = create_app(Settings(), quiet=True).openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
SHORT_FORMATS = {"date", "date-time"}  # what does not parse is refused, however long
MOST_CHARACTERS = 10_000
MOST_ITEMS = 10_000
INNER = ("items", "additionalProperties", "anyOf", "oneOf", "allOf", "prefixItems")


def faults(schema: Any, place: Place, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Name every number, text, list and open object below a schema that has no bound."""
    if isinstance(schema, list):
        for index, option in enumerate(schema):
            yield from faults(option, (*place, str(index)), seen)
    if not isinstance(schema, dict):
        return
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name not in seen:
            yield from faults(SCHEMAS[name], (*place, name), seen | {name})
        return
    yield from own_faults(schema, place)
    for key in INNER:
        yield from faults(schema.get(key), (*place, key), seen)
    for name, inner in schema.get("properties", {}).items():
        yield from faults(inner, (*place, name), seen)


def own_faults(schema: dict[str, Any], place: Place) -> Iterator[str]:
    if "const" in schema or "enum" in schema:
        return
    kinds = schema.get("type", ())
    where = ".".join(place)
    for kind in {kinds} if isinstance(kinds, str) else set(kinds):
        if not BOUNDED.get(kind, is_fine)(schema):
            yield f"{where}: {kind} without a bound"


def is_fine(_schema: dict[str, Any]) -> bool:
    return True


def is_bounded_number(schema: dict[str, Any]) -> bool:
    low, high = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
    return bool(low & schema.keys()) and bool(high & schema.keys())


def is_bounded_text(schema: dict[str, Any]) -> bool:
    # our only patterns name experiments, and say themselves how long a name may be
    is_slug = str(schema.get("pattern", "")).endswith("{0,63}$")
    is_time = schema.get("format") in SHORT_FORMATS
    return is_slug or is_time or schema.get("maxLength", MOST_CHARACTERS + 1) <= MOST_CHARACTERS


def is_bounded_list(schema: dict[str, Any]) -> bool:
    return schema.get("maxItems", MOST_ITEMS + 1) <= MOST_ITEMS


def is_bounded_object(schema: dict[str, Any]) -> bool:
    is_closed = schema.get("additionalProperties") is False or "properties" in schema
    return is_closed or schema.get("maxProperties", MOST_ITEMS + 1) <= MOST_ITEMS


BOUNDED = {
    "integer": is_bounded_number,
    "number": is_bounded_number,
    "string": is_bounded_text,
    "array": is_bounded_list,
    "object": is_bounded_object,
}


def test_everything_that_a_request_can_hold_is_bounded() -> None:
    found: list[str] = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                found += faults(parameter["schema"], (method, path, parameter["name"]))
            if operation.get(COST) == "uploads":
                continue  # a file: bounded by its bytes
            for media, body in operation.get("requestBody", {}).get("content", {}).items():
                found += faults(body["schema"], (method, path, media))

    assert found == []


@pytest.mark.parametrize("kind", catalog().values(), ids=lambda kind: kind.slug)
def test_every_setting_and_parameter_of_a_kind_is_bounded(kind: Kind[Any]) -> None:
    models = [kind.config, *(query.parameters for query in kind.queries)]

    found = [
        fault
        for model in models
        for name, schema in described(model).items()
        for fault in faults(schema, (kind.slug, model.__name__, name))
    ]

    assert found == []


def described(model: Any) -> dict[str, Any]:
    """Give the fields of a model with everything they refer to in place."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return dict(schema.get("properties", {}))


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "integer", "minimum": 1}, "integer"),
        ({"type": "number", "exclusiveMaximum": 1}, "number"),
        ({"type": "string", "pattern": "^x+$"}, "string"),
        ({"type": "string", "maxLength": 10**9}, "string"),
        ({"type": ["string", "null"]}, "string"),
        ({"type": "array", "items": {"const": 1}}, "array"),
        ({"type": "array", "maxItems": 3, "items": {"type": "integer"}}, "integer"),
        ({"type": "object", "additionalProperties": {"const": 1}}, "object"),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "number"),
    ],
)
def test_the_walk_sees_what_has_no_bound(schema: dict[str, Any], fault: str) -> None:
    assert [found.split(": ")[1] for found in faults(schema, ())] == [f"{fault} without a bound"]
