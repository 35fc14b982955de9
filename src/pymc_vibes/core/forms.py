"""How a setting that is a record, or a choice of records, is written: told where it was not.

Works on JSON schemas, so that it holds for every setting of every kind without being told of any.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_A_RECORD = frozenset(
    {"union_tag_not_found", "union_tag_invalid", "model_attributes_type", "model_type"}
)
"""What pydantic calls a value that is no record, or one of no known form."""

_TAG = "kind"
_SHOWN = 3  # parts of one form

type Node = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A setting that is a record, with its forms by tag; one without a tag has the only form ''."""

    path: tuple[str, ...]
    forms: Mapping[str, Node]
    default: Any

    @property
    def reason(self) -> str:
        """Say in a few words how it is written."""
        if "" in self.forms:
            return f"give its parts: {', '.join(self.forms['']['properties'])}"
        return f"name its form under '{_TAG}': {' or '.join(self.forms)}"

    def way(self, given: Any) -> str:
        """Write it as options and as JSON, with what was given in its place."""
        parts = given if isinstance(given, Mapping) else {}
        fitting = {
            tag: form
            for tag, form in self.forms.items()
            if parts.keys() <= form["properties"].keys()
        }
        options = [" ".join(self._options(tag, parts)) for tag in fitting or self.forms]
        ways = [", or ".join(options)] if all(options) else []
        if isinstance(self.default, Mapping) and len(self.path) == 1:
            ways.append(f"as JSON {json.dumps({self.path[0]: self.default})}")
        return f"Write {'; '.join(ways)}." if ways else ""

    def _options(self, tag: str, given: Node) -> Iterator[str]:
        form = self.forms[tag]
        stem = "--" + ".".join(self.path).replace("_", "-")
        if tag:
            yield f"{stem}.{_TAG} {tag}"
        required = form.get("required", ())
        names = sorted(
            (n for n in form["properties"] if n != _TAG), key=lambda n: n not in required
        )
        for name in names[:_SHOWN]:
            value = _value(form["properties"][name], given.get(name))
            if value is not None:
                yield f"{stem}.{name.replace('_', '-')} {value}"


def choice_at(schema: Node, loc: Sequence[int | str]) -> Choice | None:
    """Find the record that belongs at a place in settings; None where there is none.

    >>> parts = {"kind": {"const": "share"}, "width": {"type": "number"}}
    >>> zone = {"oneOf": [{"properties": parts}], "default": None}
    >>> found = choice_at({"properties": {"zone": zone}}, ["zone"])
    >>> found.reason, found.way("share:2")
    ("name its form under 'kind': share", 'Write --zone.kind share --zone.width NUMBER.')
    """
    known = schema.get("$defs", {})
    node, default, path = schema, None, []
    for part in loc:
        forms = _forms(node, known)
        inner = next((f["properties"] for f in forms.values() if part in f["properties"]), None)
        if inner is not None:
            node = inner[part]
            default = node.get("default")
            path.append(str(part))
        elif part in forms:
            node = forms[str(part)]
        else:
            return None
    forms = _forms(node, known)
    return Choice(path=tuple(path), forms=forms, default=default) if forms and path else None


def _forms(node: Node, known: Node) -> dict[str, Node]:
    """Give the records that a setting may be, by their tag."""
    options = [_resolved(one, known) for one in (node, *node.get("anyOf", ()))]
    found = [_resolved(one, known) for o in options for one in (o, *o.get("oneOf", ()))]
    return {
        str(record["properties"].get(_TAG, {}).get("const", "")): record
        for record in found
        if "properties" in record
    }


def _resolved(node: Node, known: Node) -> Node:
    found: Node = known[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node
    return found


def _value(field: Node, given: Any) -> str | None:
    """Give what was given, the default, or the type of a value; None: better left out."""
    for known in (given, field.get("default")):
        if isinstance(known, str):
            return shlex.quote(known)
        if isinstance(known, int | float):
            return json.dumps(known)
    return None if "default" in field else str(field.get("type", "value")).upper()
