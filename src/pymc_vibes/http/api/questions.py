"""Further questions to an answer: one route per question, on experiments and on runs.

A question that keeps what it answers is asked with POST alone; of a journal, GET lists the entries.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.errors import MethodNotAllowed, QueryNotFound, VibesError
from pymc_vibes.core.kind import JournalQuery, Kind, Query
from pymc_vibes.http import parameters, pending, schema
from pymc_vibes.http.api.shared import API, question_parts
from pymc_vibes.http.deps import QUESTION, RUNS, JsonObject, Name, RunId, ServiceDep
from pymc_vibes.http.question_report import AnswerForm, Told, in_form, may_be_html
from pymc_vibes.kinds import catalog, find_kind

type Asked = tuple[tuple[Kind[Any], Query[Any]], ...]
ON_EXPERIMENT = f"{API}/experiments/{{name}}"
ON_RUN = f"{API}/runs/{{run_id}}"
FORM = frozenset({"format"})


class JournalEntries(BaseModel):
    """What was kept of a journal, oldest first."""

    entries: list[QueryAnswer]


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
    # what is kept changes by asking: no GET, and `run` is needed
    is_kept = any(query.is_kept for _, query in asked)
    marks = (RUNS if is_kept else QUESTION) | body
    shared: dict[str, Any] = {
        "description": about,
        "responses": pending.documented() | may_be_html(),
        "response_model": QueryAnswer,
    }
    router.post(
        f"{ON_EXPERIMENT}/{slug}", summary=title, openapi_extra=marks, name=f"ask_{slug}", **shared
    )(_asks_experiment(slug))
    if any(isinstance(query, JournalQuery) for _, query in asked):
        _add_list(router, slug, title)
        return
    router.post(
        f"{ON_RUN}/{slug}",
        summary=f"{title} (of a run)",
        openapi_extra=QUESTION | body,
        name=f"ask_run_{slug}",
        **shared,
    )(_asks_run(slug))
    if not is_kept:
        _add_reading(router, slug, asked, shared)


def _add_list(router: APIRouter, slug: str, title: str) -> None:
    router.get(
        f"{ON_EXPERIMENT}/{slug}",
        summary=f"{title} (what was kept)",
        description="The entries of the journal, oldest first. Nothing is added to it.",
        name=f"list_{slug}",
    )(_lists(slug))


def _add_reading(router: APIRouter, slug: str, asked: Asked, shared: Mapping[str, Any]) -> None:
    title = asked[0][1].title
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
    def ask(service: ServiceDep, name: Name, body: JsonObject, form: AnswerForm = "json") -> Any:
        asked, config = question_parts(body)
        answer = service.ask(name, slug, asked, config)
        experiment = service.experiment(name)
        return in_form(answer, form, Told.of(experiment.kind, slug, experiment.name, asked, config))

    return ask


def _asks_run(slug: str) -> Any:
    def ask(service: ServiceDep, run_id: RunId, body: JsonObject, form: AnswerForm = "json") -> Any:
        answer = service.ask_run(run_id, slug, question_parts(body)[0])
        return in_form(answer, form, Told.of(service.run(run_id).kind, slug))

    return ask


def _reads_experiment(slug: str) -> Any:
    def ask(request: Request, service: ServiceDep, name: Name, form: AnswerForm = "json") -> Any:
        experiment = service.experiment(name)
        query = find_kind(experiment.kind).query(slug)
        asked, config = parameters.split(request.query_params, query.parameters, besides=FORM)
        answer = service.ask(name, slug, asked, config)
        return in_form(answer, form, Told.of(experiment.kind, slug, experiment.name, asked, config))

    return ask


def _reads_run(slug: str) -> Any:
    def ask(request: Request, service: ServiceDep, run_id: RunId, form: AnswerForm = "json") -> Any:
        kind = service.run(run_id).kind
        query = find_kind(kind).query(slug)
        asked, others = parameters.split(request.query_params, query.parameters, besides=FORM)
        answer = service.ask_run(run_id, slug, asked | others)
        return in_form(answer, form, Told.of(kind, slug))

    return ask


def _lists(slug: str) -> Any:
    def entries(service: ServiceDep, name: Name) -> JournalEntries:
        return JournalEntries(entries=list(service.entries(name, slug)))

    return entries


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
    if isinstance(found, JournalQuery):
        return QueryNotFound(
            f"{found.title} is a journal of the experiment, not of one run.",
            hint=f"POST /api/v1/experiments/NAME/{slug}",
        )
    return MethodNotAllowed(
        f"{found.title} keeps its first answer, so it is asked with POST.", allow="POST"
    )
