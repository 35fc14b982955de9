"""The reference of the API as a page, rendered from OpenAPI: no script, nothing from elsewhere."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pymc_vibes.http import view
from pymc_vibes.http.deps import SCOPE

router = APIRouter(include_in_schema=False)
_METHODS = ("get", "post", "patch", "delete")


@router.get("/docs")
def show_reference(request: Request) -> Response:
    """List every address with parameters, body and examples."""
    document = request.app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method in (name for name in _METHODS if name in methods):
            operation = methods[method]
            group = (operation.get("tags") or ["other"])[0]
            groups.setdefault(group, []).append(_facts(path, method, operation))
    return view.render(request, "api.html", groups=groups, about=document["info"]["description"])


def _facts(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    bodies = operation.get("requestBody", {}).get("content", {})
    examples = {
        name: json.dumps(example["value"], indent=2, ensure_ascii=False)
        for media in bodies.values()
        for name, example in media.get("examples", {}).items()
    }
    return {
        "path": path,
        "method": method.upper(),
        "summary": operation.get("summary", ""),
        "about": operation.get("description", ""),
        "id": operation["operationId"],
        "parameters": [_parameter(p) for p in operation.get("parameters", [])],
        "media": list(bodies),
        "examples": examples,
        "scope": "read" if method == "get" else operation.get(SCOPE, "admin"),
    }


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter.get("schema", {})
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "type": _type(schema),
        "default": json.dumps(schema["default"]) if "default" in schema else "",
        "about": parameter.get("description") or schema.get("description", ""),
    }


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    options = schema.get("anyOf") or schema.get("oneOf") or ()
    if options:
        return " | ".join(_type(option) for option in options)
    return str(schema.get("format") or schema.get("type", "any"))
