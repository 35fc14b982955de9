"""Forms derived from settings: the fields a page shows, and the values a browser sends back.

A field's name in the form is its path in the settings, with the chosen variant of a union as one
step: `prior.kind`, then `prior.mean.effective_sample_size`. Errors carry the same paths, so each
one lands beside its field. No kind has a form of its own.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from pymc_vibes.core.errors import BadConfig, VibesError
from pymc_vibes.http.nodes import Node, Widget, roots

FEW = 60  # names that a list to choose from may have
OPEN = "(default)"

type Typed = Mapping[str, str]
"""What a form holds: text by field name."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a form, ready to be shown."""

    name: str
    label: str
    about: str
    widget: Widget
    unit: str = ""
    value: str = ""
    placeholder: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """Value and label of each option."""
    suggestions: tuple[str, ...] = ()
    required: bool = False
    error: str = ""
    variants: tuple["Variant", ...] = ()

    @property
    def id(self) -> str:
        """An identifier for labels: the name without dots."""
        return f"f-{self.name.replace('.', '-')}"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One alternative of a union, with the fields that only it has."""

    tag: str
    about: str
    fields: tuple[Field, ...]


def read(model: type[BaseModel], typed: Typed, prefix: str = "") -> dict[str, Any]:
    """Turn typed text into values for `model`; an empty field is None where that is allowed.

    Raises `BadConfig` where a field that holds JSON or pairs cannot be read.
    """
    return _read(roots(model, prefix), typed)


def _read(nodes: Iterator[Node] | tuple[Node, ...], typed: Typed) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for node in nodes:
        name = node.path.rsplit(".", 1)[-1]
        found, value = _read_node(node, typed)
        if found:
            values[name] = value
    return values


def _read_node(node: Node, typed: Typed) -> tuple[bool, Any]:
    if node.widget == "group":
        inner = _read(node.below(), typed)
        return bool(inner), inner
    if node.widget == "union":
        tag = typed.get(f"{node.path}.{node.tag_name}", "").strip()
        if not tag:
            return False, None
        variant = node.variants().get(tag)
        below = _read(variant.below(), typed) if variant else {}
        return True, {node.tag_name: tag, **below}
    if node.path not in typed:
        return False, None
    text = typed[node.path].strip()
    if not text:
        return node.nullable, None
    return True, _value(node, text)


def _value(node: Node, text: str) -> Any:
    if node.widget == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if node.widget == "pairs":
        return dict(_pair(node, line) for line in text.splitlines() if line.strip())
    if node.widget == "json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise _unreadable(node, f"is not JSON: {error}") from error
    return text


def _pair(node: Node, line: str) -> tuple[str, str]:
    key, separator, value = line.rpartition("=")
    if not separator or not key.strip():
        raise _unreadable(node, f"each line reads name = value (given {line[:80]!r})")
    return key.strip(), value.strip()


def _unreadable(node: Node, reason: str) -> BadConfig:
    return BadConfig(f"{node.path}: {reason}.", fields=[{"field": node.path, "reason": reason}])


def texts(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Write values as the text of their fields."""
    return _texts(roots(model, prefix), values)


def _texts(nodes: Iterator[Node] | tuple[Node, ...], values: Mapping[str, Any]) -> dict[str, str]:
    written: dict[str, str] = {}
    for node in nodes:
        value = values.get(node.path.rsplit(".", 1)[-1])
        if node.widget == "group":
            written |= _texts(node.below(), value or {})
        elif node.widget == "union":
            written |= _union_texts(node, value or {})
        else:
            written[node.path] = _text(node.widget, value)
    return written


def _union_texts(node: Node, value: Mapping[str, Any]) -> dict[str, str]:
    tag = str(value.get(node.tag_name, ""))
    variant = node.variants().get(tag)
    below = _texts(variant.below(), value) if variant else {}
    return {f"{node.path}.{node.tag_name}": tag, **below}


def _text(widget: Widget, value: Any) -> str:
    if value is None:
        return ""
    if widget == "lines":
        return "\n".join(str(item) for item in value)
    if widget == "pairs":
        return "\n".join(f"{key} = {item}" for key, item in value.items())
    if widget == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if widget == "instant":
        return str(value).removesuffix("T00:00:00Z").removesuffix("T00:00:00+00:00")
    return str(value)


def changed(
    model: type[BaseModel], base: Mapping[str, Any], typed: Typed, prefix: str = ""
) -> dict[str, str]:
    """Keep the typed fields that differ from `base`; a union is kept or dropped as a whole.

    Fields of a variant that was not chosen are dropped.
    """
    kept: dict[str, str] = {}
    for node in roots(model, prefix):
        names = _names(node, typed)
        asked = {name: typed[name] for name in names if name in typed}
        standing = _texts((node,), base)
        if any(_differs(node, standing.get(name, ""), text) for name, text in asked.items()):
            kept |= {name: text for name, text in standing.items() if name in names} | asked
    return kept


def _differs(node: Node, standing: str, text: str) -> bool:
    given = text.strip().replace("\r\n", "\n")
    may_be_empty = node.nullable or node.widget in {"union", "group"}
    return given != standing.strip() and (bool(given) or may_be_empty)


def _names(node: Node, typed: Typed) -> tuple[str, ...]:
    if node.widget == "group":
        return tuple(name for child in node.below() for name in _names(child, typed))
    if node.widget == "union":
        tag = f"{node.path}.{node.tag_name}"
        variant = node.variants().get(typed.get(tag, ""))
        below = variant.below() if variant else ()
        return (tag, *(name for child in below for name in _names(child, typed)))
    return (node.path,)


def fields(
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    typed: Typed | None = None,
    error: VibesError | None = None,
    prefix: str = "",
    suggestions: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Field, ...]:
    """Give the fields of `model`: typed text where there is some, else `values`, with errors.

    `suggestions` offers known texts by the last step of a field's name.
    """
    shown = {**texts(model, values, prefix), **(typed or {})}
    reasons = reasons_by_field(error, prefix)
    return _fields(roots(model, prefix), shown, reasons, suggestions or {})


def _fields(
    nodes: Iterator[Node] | tuple[Node, ...],
    shown: Mapping[str, str],
    reasons: Mapping[str, str],
    suggestions: Mapping[str, tuple[str, ...]],
) -> tuple[Field, ...]:
    return tuple(_field(node, shown, reasons, suggestions) for node in nodes)


def _field(
    node: Node,
    shown: Mapping[str, str],
    reasons: Mapping[str, str],
    suggestions: Mapping[str, tuple[str, ...]],
) -> Field:
    last = node.path.rsplit(".", 1)[-1]
    widget = node.widget
    field = Field(
        name=node.path,
        label=_LABELS.get(last, last.replace("_", " ").capitalize()),
        about=str(node.schema.get("description", "")),
        widget=widget,
        unit=str(node.schema.get("unit", "")),
        value=shown.get(node.path, ""),
        placeholder=_PLACEHOLDERS.get(widget, ""),
        choices=_choices(node) if widget == "select" else (),
        required=node.required,
        error=_reason(node.path, reasons),
    )
    if widget == "text":
        return _offering(node, field, suggestions.get(last, ()))
    if widget == "group":
        below = _fields(node.below(), shown, reasons, suggestions)
        return replace(field, variants=(Variant(tag="", about="", fields=below),))
    if widget == "union":
        return _union(node, field, shown, reasons, suggestions)
    return field


def _offering(node: Node, field: Field, known: tuple[str, ...]) -> Field:
    """Let a person choose where few names are known, and suggest them where there are many."""
    if not known or len(known) > FEW:
        return replace(field, suggestions=known)
    names = known if not field.value or field.value in known else (field.value, *known)
    is_open = node.nullable or not field.value
    choices = ((("", OPEN),) if is_open else ()) + tuple((name, name) for name in names)
    return replace(field, widget="select", choices=choices)


def _union(
    node: Node,
    field: Field,
    shown: Mapping[str, str],
    reasons: Mapping[str, str],
    suggestions: Mapping[str, tuple[str, ...]],
) -> Field:
    name = f"{node.path}.{node.tag_name}"
    variants = tuple(
        Variant(
            tag=tag,
            about=str(variant.schema.get("description", "")).split("\n", 1)[0],
            fields=_fields(variant.below(), shown, reasons, suggestions),
        )
        for tag, variant in node.variants().items()
    )
    tags = tuple((variant.tag, variant.tag.replace("_", " ")) for variant in variants)
    return replace(
        field,
        name=name,
        value=shown.get(name, ""),
        choices=((("", OPEN),) if node.nullable else ()) + tags,
        variants=variants,
    )


_LABELS = {"n": "Number", "rope": "Zone that does not matter"}
_PLACEHOLDERS: Mapping[str, str] = {
    "instant": "2024-03-01",
    "lines": "one per line",
    "pairs": "name = value, one per line",
}


def _choices(node: Node) -> tuple[tuple[str, str], ...]:
    if node.schema.get("type") == "boolean":
        options: tuple[tuple[str, str], ...] = (("true", "yes"), ("false", "no"))
    else:
        options = tuple((str(v), str(v).replace("_", " ")) for v in node.schema["enum"])
    is_open = node.nullable or (node.required and len(options) > 1)
    return ((("", OPEN),) if is_open else ()) + options


def reasons_by_field(error: VibesError | None, prefix: str = "") -> dict[str, str]:
    """Map the names of wrong fields to what is wrong with them."""
    if error is None:
        return {}
    return {
        f"{prefix}{item['field'].removeprefix(prefix)}": str(item["reason"])
        for item in error.extras.get("fields", ())
        if isinstance(item, Mapping)
    }


def _reason(path: str, reasons: Mapping[str, str]) -> str:
    exact = [text for name, text in reasons.items() if name == path]
    inside = [text for name, text in reasons.items() if name.startswith(f"{path}.")]
    return "; ".join(exact or inside)
