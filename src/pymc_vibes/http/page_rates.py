"""Two rates on one page: the selectors, both posteriors, who is higher and by how much.

Everything is in the address, so that a comparison can be sent to somebody. Where cohorts are not
chosen yet the first two of the event stand in the form, and the page says that they were chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import Parameters, parse, setting
from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.http import asking, forms, view
from pymc_vibes.http.cohorts import draws, one_rate_each
from pymc_vibes.http.limits import MAY_RUN
from pymc_vibes.http.page import Serving
from pymc_vibes.kinds import find_kind
from pymc_vibes.kinds.poisson_cohorts.settings import OVER_TIME
from pymc_vibes.service import Analysis, Service

KIND = "poisson-cohorts"
DEFAULT = "observations"
SETTINGS = ("start", "end", "unit", "model")

_PLAIN = {"model": "independent", "engine": "auto"}
"""The settings that cost least: names are asked for before anybody has chosen a model."""

router = APIRouter(default_response_class=HTMLResponse)


class Draws(Parameters):
    """How many draws to offer, and from which seed."""

    n: int = setting(5000, "Draws of each rate to download, 100 to 50,000.", ge=100, le=50_000)
    seed: int = setting(42, "Seed of the draws.", ge=0, le=2**63 - 1)


@dataclass
class _Form:
    """What the page asks for and what came of it."""

    typed: dict[str, str]
    experiment: Experiment | None = None
    fields: tuple[forms.Field, ...] = ()
    answer: QueryAnswer | None = None
    problem: VibesError | None = None
    analysis: Analysis | None = None
    is_guessed: bool = False
    higher: int = 0
    """In how many pairs of draws the first rate was higher."""
    draws: Draws = field(default_factory=Draws)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@router.get("/ui/posterior", openapi_extra=MAY_RUN)
def compare(request: Request, service: Serving) -> Response:
    """Compare the rates of two cohorts."""
    known = tuple(e for e in service.experiments() if e.kind == KIND)
    form = _Form(typed={k: v for k, v in request.query_params.items() if v.strip()})
    wanted = form.typed.get("experiment", "")
    names = {experiment.name: experiment for experiment in known}
    form.experiment = (
        service.experiment_of(wanted, KIND)
        if wanted
        else names.get(DEFAULT, next(iter(known), None))
    )
    if form.experiment is not None:
        try:
            _answer(service, form.experiment, form)
        except VibesError as problem:
            form.problem = problem
        form.fields = _fields(form)
    context: dict[str, Any] = {"form": form, "known": known}
    status = form.problem.status if form.problem and form.typed else 200
    template = "_rates.html" if view.is_partial(request) else "rates.html"
    return view.render(request, template, status=status, **context)


def _answer(service: Service, experiment: Experiment, form: _Form) -> None:
    kind = find_kind(KIND)
    typed = form.typed
    if experiment.rows:
        form.names = asking.names_in(service.analysis(experiment.name, _PLAIN))
    drawn = forms.read(Draws, typed)
    form.draws = parse(Draws, drawn)
    given = forms.read(kind.config, {name: typed[name] for name in SETTINGS if name in typed})
    event = typed.get("event")
    overrides = one_rate_each(experiment, given, event) | ({"event": event} if event else {})
    typed["model"] = str(overrides["model"])
    form.analysis = service.analysis(experiment.name, overrides)
    pair = _pair(form)
    if pair is not None:
        asked = {**pair, "event": event}
        form.answer = service.ask(experiment.name, "compare", asked, overrides)
        form.typed["event"] = str(form.answer.data["event"])
        form.higher = _higher(form.analysis, form)


def _higher(analysis: Analysis, form: _Form) -> int:
    """Count the pairs of draws in which the first rate is higher: a check of the exact number."""
    event, n, seed = form.typed["event"], form.draws.n, form.draws.seed
    first, second = (draws(analysis, form.typed[side], event, n, seed) for side in ("a", "b"))
    return sum(one > other for one, other in zip(first, second, strict=True))


def _pair(form: _Form) -> dict[str, str] | None:
    """Give the two cohorts asked for; the first others where one is open."""
    chosen = {side: text for side, text in form.typed.items() if side in {"a", "b"}}
    others = iter([name for name in form.names.get("cohort", ()) if name not in chosen.values()])
    for side in ("a", "b"):
        if side not in chosen:
            name = next(others, None)
            if name is None:
                return None
            chosen[side] = name
            form.is_guessed = True
    form.typed |= chosen
    return chosen


def _fields(form: _Form) -> tuple[forms.Field, ...]:
    assert form.experiment is not None  # noqa: S101  # asked for by the one caller
    kind = find_kind(KIND)
    own = asking.settings_of(kind, form.experiment.config)
    shown = {name: text for name, text in form.typed.items() if name != "experiment"}
    pair = asking.question(kind.query("compare"), form.names, shown, form.problem).fields
    settings = forms.fields(kind.config, own, typed=shown, error=form.problem)
    drawn = forms.fields(Draws, Draws().model_dump(), typed=shown, error=form.problem)
    order = ("event", "a", "b", *SETTINGS, "n", "seed")
    window = form.answer.summary.context if form.answer else {}
    settings = tuple(
        replace(
            field,
            placeholder=str(window.get(field.name) or field.placeholder)[:16],
            choices=tuple(c for c in field.choices if c[0] not in OVER_TIME),
        )
        for field in settings
    )
    by_name = {field.name: field for field in (*settings, *pair, *drawn)}
    return tuple(by_name[name] for name in order)
