"""What the description of the API shows beside each operation: at least one example, and true."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from pymc_vibes.http.app import create_app
from pymc_vibes.settings import Settings

DOCUMENT: dict[str, Any] = create_app(Settings(), quiet=True).openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
NOTHING_TO_SHOW = {
    "GET /health", "GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/kinds",
    "GET /api/v1/tables",
}  # fmt: skip
"""They take nothing, and who asks sees at once what they answer."""


def shown(part: Any) -> bool:
    text = json.dumps(part)
    return '"example": ' in text or '"examples": ' in text


def answers(operation: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Give schema and example of each good answer that has one."""
    for status, response in operation["responses"].items():
        told = response.get("content", {}).get("application/json", {})
        if status.startswith("2") and "example" in told:
            yield told.get("schema", {}), told["example"]


def is_true(schema: Any, example: Any) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return bool(jsonschema_rs.validator_for(whole, validate_formats=False).is_valid(example))


def test_every_operation_shows_an_example() -> None:
    bare = {
        name
        for name, operation in OPERATIONS.items()
        if not shown(operation.get("parameters", []))
        and not shown(operation.get("requestBody", {}))
        and not list(answers(operation))
    }

    assert bare == NOTHING_TO_SHOW


@pytest.mark.parametrize(
    "name",
    [
        *("POST /ingest", "GET /cohorts", "GET /compare", "GET /posterior"),
        *("GET /posterior/{cohort}/{event}", "GET /posterior/{cohort}/{event}/samples"),
        *("GET /posterior/hierarchical/{event}/samples", "GET /ab-test/posterior"),
        *("POST /api/v1/experiments/{name}/runs", "POST /api/v1/experiments/{name}/events"),
        *("GET /api/v1/runs", "GET /api/v1/runs/{run_id}/summary"),
        "GET /api/v1/runs/{run_id}/diagnostics",
    ],
)
def test_the_main_answers_are_shown(name: str) -> None:
    assert list(answers(OPERATIONS[name]))


def test_every_answer_that_is_shown_fits_its_schema() -> None:
    pairs = {name: list(answers(operation)) for name, operation in OPERATIONS.items()}

    assert [name for name, told in pairs.items() if not all(is_true(*pair) for pair in told)] == []


def test_every_parameter_that_is_shown_fits_its_schema() -> None:
    wrong = {
        (parameter["name"], value)
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", [])
        for value in map(json.dumps, parameter["schema"].get("examples", []))
        if not is_true(parameter["schema"], json.loads(value))
    }

    assert wrong == set()
