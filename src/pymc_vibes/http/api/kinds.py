"""Kinds: what they are, their columns, simulated events, and questions that need no data."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.kind import ConfigQuery, Kind
from pymc_vibes.core.schema import Schema
from pymc_vibes.http import schema
from pymc_vibes.http.api.shared import API, question_parts
from pymc_vibes.http.deps import QUESTION, JsonObject, ServiceDep, Slug
from pymc_vibes.http.limits import DOWNLOAD
from pymc_vibes.http.question_report import AnswerForm, Told, in_form, may_be_html
from pymc_vibes.http.tabular import MEDIA_TYPES, TableFormat, table_response
from pymc_vibes.kinds import catalog, find_kind
from pymc_vibes.service.experiments import MAX_EVENTS

PREFIX = f"{API}/kinds"


class KindLine(BaseModel):
    """A kind, in short."""

    slug: str
    title: str
    question: str
    version: int


class KindList(BaseModel):
    """Every kind."""

    kinds: list[KindLine]


class QueryFact(BaseModel):
    """A further question of a kind, with its parameters as JSON Schema."""

    slug: str
    title: str
    about: str
    on: str
    parameters: dict[str, Any]


class KindFact(KindLine):
    """Everything about a kind: columns, settings as JSON Schema, an example, its questions."""

    about: str
    columns: Schema = Field(alias="schema")
    config: dict[str, Any]
    example: dict[str, Any]
    queries: list[QueryFact]


def list_kinds(service: ServiceDep) -> KindList:
    """List each kind with the question it answers."""
    return KindList(
        kinds=[
            KindLine(slug=k.slug, title=k.title, question=k.question, version=k.version)
            for k in service.kinds()
        ]
    )


def show_kind(slug: Slug) -> Any:
    """Give the kind's model in words, its columns, settings as JSON Schema and questions."""
    return find_kind(slug).describe()


def show_schema(slug: Slug) -> Schema:
    """Give name, type, unit, bounds and aliases of each column."""
    return find_kind(slug).schema


def show_example(slug: Slug) -> Any:
    """Give settings with proper priors that make believable data."""
    return find_kind(slug).example.model_dump(mode="json")


def generate(
    service: ServiceDep,
    slug: Slug,
    num_events: Annotated[
        int | None,
        Query(
            ge=1,
            le=MAX_EVENTS,
            description="About how many; open: as many as are common.",
            examples=[1000],
        ),
    ] = None,
    seed: Annotated[int, Query(ge=0, le=2**63 - 1, description="Same seed, same events.")] = 42,
    form: Annotated[TableFormat, Query(alias="format", description="How to write them.")] = "json",
) -> Response:
    """Simulate events of a believable world; its truth is drawn from the example's priors."""
    return table_response(service.generate(slug, num_events, seed), form, f"{slug}-{seed}")


def ask_unknown(service: ServiceDep, slug: Slug, query: str, body: JsonObject) -> QueryAnswer:
    """Say which questions the kind has."""
    parameters, config = question_parts(body)
    return service.ask_kind(slug, query, config, parameters)


def build() -> APIRouter:
    """Make the routes of the kinds there are."""
    router = APIRouter(prefix=PREFIX, tags=["kinds"])
    router.get("", summary="List the kinds of experiment")(list_kinds)
    router.get("/{slug}", summary="Describe a kind", response_model=KindFact)(show_kind)
    router.get("/{slug}/schema", summary="List the columns of a kind's events")(show_schema)
    router.get("/{slug}/example", summary="Give an example config", response_model=dict[str, Any])(
        show_example
    )
    media: dict[str, Any] = {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}
    router.get(
        "/{slug}/generate",
        summary="Simulate events",
        response_class=Response,
        responses={200: {"description": "Events.", "content": media}},
        openapi_extra=DOWNLOAD,
    )(generate)
    for kind in catalog().values():
        for query in kind.queries:
            if isinstance(query, ConfigQuery):
                _add_question(router, kind, query)
    router.post("/{slug}/{query}", include_in_schema=False, openapi_extra=QUESTION)(ask_unknown)
    return router


def _add_question(router: APIRouter, kind: Kind[Any], query: ConfigQuery[Any, Any]) -> None:
    def ask(service: ServiceDep, body: JsonObject, form: AnswerForm = "json") -> Any:
        parameters, config = question_parts(body)
        answer = service.ask_kind(kind.slug, query.slug, config, parameters)
        return in_form(answer, form, Told.of(kind.slug, query.slug))

    router.add_api_route(
        f"/{kind.slug}/{query.slug}",
        ask,
        methods=["POST"],
        response_model=QueryAnswer,
        responses=may_be_html(),
        summary=query.title,
        description=query.about,
        name=f"{kind.slug}_{query.slug}",
        openapi_extra=QUESTION | schema.question_body([(kind, query)]),
    )
