"""What the API owes every kind: a description that is exact, and routes that keep to it."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from pymc_vibes.core.kind import Kind
from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Service
from pymc_vibes.settings import Settings

EXAMPLES = 5  # of each operation: enough to find a careless route, few enough to run every time
MANY_EXAMPLES = 100
MOST_EVENTS = 1000
PATIENCE = 300  # seconds: a loaded machine is not a bug
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
API = "/api/v1"
KINDS = tuple(catalog().values())
QUERIES = [(kind, query) for kind in KINDS for query in kind.queries]
DOCUMENT: dict[str, Any] = create_app(Settings(), quiet=True).openapi()
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]

EXAMPLE_PLACES = [
    (path, method, media, name)
    for path, method, operation in OPERATIONS
    for media, body in operation.get("requestBody", {}).get("content", {}).items()
    for name in body.get("examples", {})
]


def as_number(value: Any) -> float:
    """Order what a fuzzer sends: whatever is no number comes first and stays as it is."""
    return value if isinstance(value, int | float) else float("-inf")


def name_of(value: Any) -> str:
    return str(getattr(value, "slug", ""))


def component(reference: dict[str, str]) -> dict[str, Any]:
    return dict(DOCUMENT["components"]["schemas"][reference["$ref"].rpartition("/")[2]])


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from (v for k, v in document.items() if k == "$ref" and isinstance(v, str))
        for value in document.values():
            yield from references(value)
    if isinstance(document, list):
        for value in document:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert set(references(DOCUMENT)) <= known


def test_every_operation_has_a_summary_a_description_and_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert [o for *_, o in OPERATIONS if not o.get("summary") or not o.get("description")] == []
    assert len(set(names)) == len(names)


def test_every_operation_documents_its_problems() -> None:
    for _, _, operation in OPERATIONS:
        problem = operation["responses"]["422"]["content"]["application/problem+json"]
        assert component(problem["schema"])["title"] == "Problem"


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_the_body_of_a_run_knows_every_setting_of_the_kind(kind: Kind[Any]) -> None:
    body = DOCUMENT["paths"][f"{API}/experiments/{{name}}/runs"]["post"]["requestBody"]
    media = body["content"]["application/json"]
    schemas = [component(option) for option in media["schema"]["anyOf"]]

    (mine,) = [s for s in schemas if s["title"] == kind.config.__name__]
    assert set(mine["properties"]) == set(kind.config.model_fields)
    assert all(field.get("description") for field in mine["properties"].values())
    shown = kind.example.model_dump(mode="json", exclude_none=True)
    assert media["examples"][kind.slug]["value"] == shown


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_creating_tells_kinds_apart(kind: Kind[Any]) -> None:
    body = DOCUMENT["paths"][f"{API}/experiments"]["post"]["requestBody"]
    forms = body["content"]["application/json"]["schema"]["oneOf"]

    (mine,) = [form for form in forms if form["properties"]["kind"]["const"] == kind.slug]
    config = component(mine["properties"]["config"]["anyOf"][0])
    assert set(config["properties"]) == set(kind.config.model_fields)


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_every_setting_is_a_parameter_at_the_kinds_own_address(kind: Kind[Any]) -> None:
    parameters = DOCUMENT["paths"][f"/{kind.slug}/posterior"]["get"]["parameters"]

    assert {p["name"] for p in parameters} == {"experiment_name", *kind.config.model_fields}


@pytest.mark.parametrize(("kind", "query"), QUERIES, ids=name_of)
def test_every_question_has_a_route_with_its_parameters(kind: Kind[Any], query: Any) -> None:
    paths = [f"{API}/experiments/{{name}}/{query.slug}"]
    if query.on != "journal":  # a journal belongs to the experiment
        paths.append(f"{API}/runs/{{run_id}}/{query.slug}")
    if query.on == "config":
        paths.append(f"{API}/kinds/{kind.slug}/{query.slug}")

    for path in paths:
        content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
        forms = content["application/json"]["schema"]["anyOf"]
        described = [component(form["properties"]["parameters"]) for form in forms]
        assert set(query.parameters.model_fields) in [set(d["properties"]) for d in described]


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_a_kind_describes_itself(client: TestClient, kind: Kind[Any]) -> None:
    shown = client.get(f"{API}/kinds/{kind.slug}").json()
    columns = client.get(f"{API}/kinds/{kind.slug}/schema").json()["columns"]
    example = client.get(f"{API}/kinds/{kind.slug}/example").json()

    assert shown["slug"] == kind.slug
    assert shown["schema"]["columns"] == columns
    assert [column["name"] for column in columns] == [c.name for c in kind.schema.columns]
    assert example == shown["example"] == kind.example.model_dump(mode="json")
    assert {query["slug"] for query in shown["queries"]} == {query.slug for query in kind.queries}


def test_the_reference_page_lists_every_operation(client: TestClient) -> None:
    page = client.get("/docs").text

    for path, method, operation in OPERATIONS:
        assert f"{method.upper()} {path}" in page
        assert f'id="{operation["operationId"]}"' in page


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An application with an experiment of every kind, each with an answer."""
    place = Settings(home=tmp_path_factory.mktemp("contract"))
    service = Service.open(place)  # the fuzzer starts and stops the application as it likes
    with TestClient(create_app(place, service=service, quiet=True)) as opened:
        for kind in KINDS:
            fill(opened, kind.slug)
        yield opened
    service.close()


def fill(client: TestClient, slug: str) -> None:
    made = client.get(f"{API}/kinds/{slug}/generate", params={"num_events": 60, "format": "ndjson"})
    client.post(f"{API}/experiments", json={"name": slug, "kind": slug}).raise_for_status()
    uploaded = client.post(f"{API}/experiments/{slug}/events", content=made.content)
    uploaded.raise_for_status()
    client.post(f"{API}/experiments/{slug}/runs").raise_for_status()


@pytest.fixture(scope="module")
def known(client: TestClient) -> dict[str, dict[str, str]]:
    """Names that exist, by kind: without them a fuzzer sees nothing but 404."""
    runs = client.get(f"{API}/runs").json()["runs"]
    return {
        run["kind"]: {
            "name": run["kind"],
            "slug": run["kind"],
            "dataset_id": run["kind"],
            "run_id": run["id"],
            "figure": "rates",
        }
        for run in runs
    }


@pytest.fixture(scope="module")
def described(client: TestClient) -> Any:
    """The description as the fuzzer reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", client.app)


def ask_at_random(
    described: Any, known: dict[str, dict[str, str]], path: str, method: str, examples: int
) -> list[int]:
    """Send so many requests, check each answer against the description, give the statuses."""

    @seed(20_260_101)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described[path][method].as_strategy(), kind=st.sampled_from([None, *KINDS]))
    def ask(case: Any, kind: Kind[Any] | None) -> None:
        if kind is not None and method != "delete":
            case.path_parameters |= {
                n: v for n, v in known[kind.slug].items() if f"{{{n}}}" in path
            }
        if "num_events" in case.query:
            case.query["num_events"] = min(case.query["num_events"], MOST_EVENTS, key=as_number)
        response = case.call_and_validate(checks=CHECKS, timeout=PATIENCE)
        answered.append(response.status_code)

    answered: list[int] = []
    ask()
    return answered


ADDRESSES = [(path, method) for path, method, _ in OPERATIONS]


@pytest.mark.parametrize(("path", "method"), ADDRESSES, ids=str)
def test_no_request_breaks_the_server(
    described: Any, known: dict[str, dict[str, str]], path: str, method: str
) -> None:
    answered = ask_at_random(described, known, path, method, EXAMPLES)

    assert answered
    assert max(answered) < 500


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), ADDRESSES, ids=str)
def test_no_request_of_very_many_breaks_the_server(
    described: Any, known: dict[str, dict[str, str]], path: str, method: str
) -> None:
    answered = ask_at_random(described, known, path, method, MANY_EXAMPLES)

    assert len(answered) > EXAMPLES
    assert max(answered) < 500


def test_the_description_holds_every_route_but_pages(client: TestClient) -> None:
    described = {(method.upper(), path) for path, method in ADDRESSES}
    served = {
        (method, context.path_format or "")
        for context in iter_route_contexts(client.app.routes)  # type: ignore[attr-defined]
        for method in (context.methods or set()) - {"HEAD"}
        if (context.path_format or "").startswith(
            ("/api/", "/ingest", "/posterior", "/compare", "/datasets", "/runs/create")
        )
    }
    # what answers to questions that nobody has
    unknown = {(method, path) for method, path in served if path.endswith("/{query}")}

    assert served - unknown <= described
    assert len(unknown) == 5


@pytest.mark.parametrize("place", EXAMPLE_PLACES, ids=lambda place: " ".join(place[:2]))
def test_every_example_fits_its_schema(place: tuple[str, str, str, str]) -> None:
    path, method, media, name = place
    body = DOCUMENT["paths"][path][method]["requestBody"]["content"][media]
    schema = {**body["schema"], "components": DOCUMENT["components"]}

    checked = jsonschema_rs.validator_for(schema, validate_formats=False)

    assert list(checked.iter_errors(body["examples"][name]["value"])) == []
