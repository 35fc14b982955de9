"""OpenAPI, exact for every kind: what a config and a question may hold."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pymc_vibes.core.kind import Kind, Query
from pymc_vibes.http.problems import Problem
from pymc_vibes.http.release import VERSION
from pymc_vibes.kinds import catalog

_ABOUT = """Events in, honest answers out.

Errors are problem documents (RFC 9457). With authentication configured, send
`Authorization: Bearer TOKEN`. Reads carry an `ETag`; lists carry `Link: rel="next"`.
Times are UTC instants, a bare date is midnight UTC, windows are half-open: `[start, end)`."""

type Schema = dict[str, Any]


@cache
def _definitions() -> tuple[Mapping[type[BaseModel], Schema], Schema]:
    models: list[type[BaseModel]] = [Problem]
    for kind in catalog().values():
        models += [kind.config, *(query.parameters for query in kind.queries)]
    distinct = list(dict.fromkeys(models))
    refs, document = models_json_schema(
        [(model, "validation") for model in distinct],
        ref_template="#/components/schemas/{model}",
    )
    return {model: dict(refs[model, "validation"]) for model in distinct}, document["$defs"]


def reference(model: type[BaseModel]) -> Schema:
    """Point at the schema of a config or of the parameters of a question."""
    return dict(_definitions()[0][model])


def properties(model: type[BaseModel]) -> Schema:
    """Give the fields of a model, each as JSON Schema."""
    name = reference(model)["$ref"].rpartition("/")[2]
    found: Schema = _definitions()[1][name].get("properties", {})
    return found


def any_config() -> Schema:
    """Describe the config of whatever kind the experiment is of."""
    return {"anyOf": [reference(kind.config) for kind in catalog().values()]}


def body(schema: Schema, examples: Mapping[str, Any], *, required: bool = False) -> Schema:
    """Describe a JSON body with examples by name."""
    shown = {name: {"value": value} for name, value in examples.items()}
    content = {"application/json": {"schema": schema, "examples": shown}}
    return {"requestBody": {"required": required, "content": content}}


def config_body(kinds: Iterable[Kind[Any]]) -> Schema:
    """Describe a body that holds a config, or a part of one."""
    chosen = tuple(kinds)
    examples = {kind.slug: kind.example.model_dump(mode="json") for kind in chosen}
    return body({"anyOf": [reference(kind.config) for kind in chosen]}, examples)


def creation_body() -> Schema:
    """Describe the body that creates an experiment: one form per kind, told apart by `kind`."""
    forms = [_creation(kind) for kind in catalog().values()]
    examples = {
        kind.slug: {"name": f"my-{kind.slug}", "kind": kind.slug, "config": {}}
        for kind in catalog().values()
    }
    schema = {"oneOf": forms, "discriminator": {"propertyName": "kind"}}
    return body(schema, examples, required=True)


def question_body(asked: Iterable[tuple[Kind[Any], Query[Any]]]) -> Schema:
    """Describe the body of a question: its parameters, and settings for this question only."""
    pairs = tuple(asked)
    forms = [
        {
            "type": "object",
            "title": f"{kind.slug}: {query.title}",
            "additionalProperties": False,
            "properties": {
                "parameters": reference(query.parameters),
                "config": reference(kind.config),
            },
        }
        for kind, query in pairs
    ]
    examples = {
        kind.slug: {"parameters": _needed(query.parameters), "config": {}} for kind, query in pairs
    }
    return body({"anyOf": forms}, examples)


def _needed(model: type[BaseModel]) -> dict[str, str | float]:
    """Fill what a question cannot do without: names, each another one, and numbers."""
    names = iter("ABCDEFGH")
    return {
        name: next(names) if field.annotation is str else 0.5
        for name, field in model.model_fields.items()
        if field.is_required()
    }


def query_parameters(models: Iterable[type[BaseModel]]) -> Schema:
    """Describe the fields of models as parameters in the query."""
    fields: Schema = {}
    for model in models:
        for name, schema in properties(model).items():
            fields.setdefault(name, schema)
    return {"parameters": [_parameter(name, schema) for name, schema in fields.items()]}


def install(app: FastAPI) -> None:
    """Make the app describe itself with the catalog's schemas, once, when first asked."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # the documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=VERSION,
        description=_ABOUT,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {})
    components["schemas"] = _definitions()[1] | components.get("schemas", {})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    document["security"] = [{"bearer": []}, {}]
    return document


def _creation(kind: Kind[Any]) -> Schema:
    return {
        "type": "object",
        "title": kind.title,
        "required": ["name", "kind"],
        "additionalProperties": False,
        "properties": {
            "name": {
                "type": "string",
                "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$",
                "description": "Unique without regard to case.",
            },
            "kind": {"const": kind.slug, "type": "string"},
            "display_name": {
                "type": ["string", "null"],
                "maxLength": 200,
                "description": "Any text.",
            },
            "config": {"anyOf": [reference(kind.config), {"type": "null"}]},
        },
    }


def _parameter(name: str, schema: Schema) -> Schema:
    about = schema.get("description", "")
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": about}


def rows_body(example: Mapping[str, Any]) -> Schema:
    """Describe a body of event rows: JSON, or a file of any format."""
    row = {"type": "object"}
    listed = {"type": "array", "items": row}
    wrapped = {"type": "object", "required": ["rows"], "properties": {"rows": listed}}
    content: Schema = {
        "application/json": {
            "schema": {"anyOf": [wrapped, listed]},
            "examples": {"rows": {"value": example}},
        }
    }
    for media in ("text/csv", "application/x-ndjson", "application/vnd.apache.parquet"):
        content[media] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}
