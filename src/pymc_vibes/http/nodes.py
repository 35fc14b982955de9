"""Settings as a tree of nodes, read from their JSON schema.

A node knows its path, how it is entered, and what lies below it; `forms` shows and reads it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

type Widget = Literal[
    "text", "number", "instant", "select", "lines", "pairs", "json", "union", "group"
]


@dataclass(frozen=True, kw_only=True)
class Node:
    """One setting: its path, its schema without references, and whether it may stay open."""

    path: str
    schema: Mapping[str, Any]
    nullable: bool
    required: bool
    definitions: Mapping[str, Any]

    @property
    def widget(self) -> Widget:
        """How it is entered."""
        schema = self.schema
        if "oneOf" in schema:
            return "union"
        if "properties" in schema:
            return "group"
        if "enum" in schema or schema.get("type") == "boolean":
            return "select"
        return _WIDGETS.get(schema.get("type", ""), _text_widget)(schema)

    @property
    def tag_name(self) -> str:
        """The field that tells the variants of a union apart."""
        return str(self.schema.get("discriminator", {}).get("propertyName", "kind"))

    def below(self) -> Iterator["Node"]:
        """Give the settings inside this one."""
        yield from _nodes(self.schema, self.definitions, f"{self.path}.")

    def variants(self) -> dict[str, "Node"]:
        """Map each tag of a union to its variant, the tag left out."""
        found = {}
        for option in self.schema["oneOf"]:
            schema = _resolve(option, self.definitions)
            tag = str(schema["properties"][self.tag_name]["const"])
            inner = {k: v for k, v in schema["properties"].items() if k != self.tag_name}
            found[tag] = replace(
                self, path=f"{self.path}.{tag}", schema={**schema, "properties": inner}
            )
        return found


def _text_widget(schema: Mapping[str, Any]) -> Widget:
    return "instant" if schema.get("format") == "date-time" else "text"


def _array_widget(schema: Mapping[str, Any]) -> Widget:
    first: Mapping[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
    item = first.get("type")
    return "lines" if item in {"string", "number", "integer"} else "json"


def _object_widget(schema: Mapping[str, Any]) -> Widget:
    value = schema.get("additionalProperties", {})
    is_plain = isinstance(value, dict) and value.get("type") in {"string", "number", "integer"}
    return "pairs" if is_plain else "json"


_WIDGETS: Mapping[str, Callable[[Mapping[str, Any]], Widget]] = {
    "number": lambda _schema: "number",
    "integer": lambda _schema: "number",
    "array": _array_widget,
    "object": _object_widget,
}


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow references; what stands beside one wins over what it refers to."""
    resolved = dict(schema)
    while "$ref" in resolved:
        target = definitions[resolved.pop("$ref").rsplit("/", 1)[-1]]
        resolved = {**target, **resolved}
    return resolved


def _nodes(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str
) -> Iterator[Node]:
    for name, raw in schema.get("properties", {}).items():
        inner = _resolve(raw, definitions)
        options = [_resolve(option, definitions) for option in inner.pop("anyOf", [])]
        plain = [option for option in options if option.get("type") != "null"]
        if len(plain) == 1:
            inner = {**plain[0], **inner}
        yield Node(
            path=f"{prefix}{name}",
            schema=inner,
            nullable=len(plain) < len(options),
            required=name in schema.get("required", ()),
            definitions=definitions,
        )


def roots(model: type[BaseModel], prefix: str) -> tuple[Node, ...]:
    """Give the settings of a model, their paths under `prefix`."""
    schema = model.model_json_schema()
    return tuple(_nodes(schema, schema.get("$defs", {}), prefix))
