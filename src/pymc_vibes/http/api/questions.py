"""Further questions to an answer: one route per question, on experiments and on runs."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.errors import MethodNotAllowed, VibesError
from pymc_vibes.core.kind import Kind, Query
from pymc_vibes.http import parameters, pending, schema
from pymc_vibes.http.api.shared import API, question_parts
from pymc_vibes.http.deps import QUESTION, RUNS, JsonObject, Name, RunId, ServiceDep
from pymc_vibes.kinds import catalog, find_kind

type Asked = tuple[tuple[Kind[Any], Query[Any]], ...]
ON_EXPERIMENT = f"{API}/experiments/{{name}}"
ON_RUN = f"{API}/runs/{{run_id}}"


def build() -> APIRouter:
    """Make the routes of every question that some kind answers."""
    router = APIRouter(tags=["questions"])
    for slug, asked in _by_slug().items():
        _add(router, slug, asked)
    _add_unknown(router)
    return router


def _by_slug() -> Mapping[str, Asked]:
    pairs = [(kind, query) for kind in catalog().values() for query in kind.queries]
    slugs = sorted({query.slug for _, query in pairs})
    return {slug: tuple(pair for pair in pairs if pair[1].slug == slug) for slug in slugs}


def _add(router: APIRouter, slug: str, asked: Asked) -> None:
    about = "\n\n".join(f"*{kind.slug}*: {query.about}" for kind, query in asked)
    title = asked[0][1].title
    body = schema.question_body(asked)
    # the first answer per unit is kept, so asking changes something: no GET, and `run` is needed
    is_sticky = any(query.sticky_by for _, query in asked)
    marks = (RUNS if is_sticky else QUESTION) | body
    shared: dict[str, Any] = {"description": about, "responses": pending.documented()}
    router.post(
        f"{ON_EXPERIMENT}/{slug}", summary=title, openapi_extra=marks, name=f"ask_{slug}", **shared
    )(_asks_experiment(slug))
    router.post(
        f"{ON_RUN}/{slug}",
        summary=f"{title} (of a run)",
        openapi_extra=QUESTION | body,
        name=f"ask_run_{slug}",
        **shared,
    )(_asks_run(slug))
    if is_sticky:
        return
    query = schema.query_parameters(query.parameters for _, query in asked)
    router.get(
        f"{ON_EXPERIMENT}/{slug}",
        summary=f"{title} (by address)",
        openapi_extra=query,
        name=f"get_{slug}",
        **shared,
    )(_reads_experiment(slug))
    router.get(
        f"{ON_RUN}/{slug}",
        summary=f"{title} (of a run, by address)",
        openapi_extra=query,
        name=f"get_run_{slug}",
        **shared,
    )(_reads_run(slug))


def _asks_experiment(slug: str) -> Any:
    def ask(service: ServiceDep, name: Name, body: JsonObject) -> QueryAnswer:
        asked, config = question_parts(body)
        return service.ask(name, slug, asked, config)

    return ask


def _asks_run(slug: str) -> Any:
    def ask(service: ServiceDep, run_id: RunId, body: JsonObject) -> QueryAnswer:
        return service.ask_run(run_id, slug, question_parts(body)[0])

    return ask


def _reads_experiment(slug: str) -> Any:
    def ask(request: Request, service: ServiceDep, name: Name) -> QueryAnswer:
        query = find_kind(service.experiment(name).kind).query(slug)
        asked, config = parameters.split(request.query_params, query.parameters)
        return service.ask(name, slug, asked, config)

    return ask


def _reads_run(slug: str) -> Any:
    def ask(request: Request, service: ServiceDep, run_id: RunId) -> QueryAnswer:
        query = find_kind(service.run(run_id).kind).query(slug)
        asked, others = parameters.split(request.query_params, query.parameters)
        return service.ask_run(run_id, slug, asked | others)

    return ask


def _add_unknown(router: APIRouter) -> None:
    def of_experiment(service: ServiceDep, name: Name, query: str) -> QueryAnswer:
        raise _refusal(find_kind(service.experiment(name).kind), query)

    def of_run(service: ServiceDep, run_id: RunId, query: str) -> QueryAnswer:
        raise _refusal(find_kind(service.run(run_id).kind), query)

    hidden: dict[str, Any] = {"include_in_schema": False, "openapi_extra": QUESTION}
    for path, endpoint in ((ON_EXPERIMENT, of_experiment), (ON_RUN, of_run)):
        router.add_api_route(f"{path}/{{query}}", endpoint, methods=["GET", "POST"], **hidden)


def _refusal(kind: Kind[Any], slug: str) -> VibesError:
    found = kind.query(slug)
    return MethodNotAllowed(
        f"{found.title} keeps its first answer, so it is asked with POST.", allow="POST"
    )
