"""Cells of rates as programs read them: one, two, or a page of them.

An answer never changes under its key, so what was worked out of it is remembered by that key.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import TooLarge
from pymc_vibes.core.experiment import Experiment
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.http.paging import next_page
from pymc_vibes.kinds.poisson_cohorts.numbers import cell_data, rates_of
from pymc_vibes.kinds.poisson_cohorts.settings import OVER_TIME, RateConfig
from pymc_vibes.service import Analysis, Service
from pymc_vibes.service.flights import Memory

KIND = "poisson-cohorts"
DEFAULT = "observations"
MOST_VALUES = 2_000_000  # 40 MB of JSON
_MASS = 0.95
_asked: Memory[Mapping[str, Any]] = Memory(4096)

type Times = Mapping[tuple[str, str], tuple[str, str]]
_seen: Memory[Times] = Memory(8)


class EventLine(BaseModel):
    """One event of a cohort."""

    event: str
    count: int
    exposure: float
    first: str | None
    last: str | None
    mean: float
    hdi95: list[float]


class CohortLine(BaseModel):
    """A cohort and its events."""

    cohort: str
    events: list[EventLine]


class CohortPage(BaseModel):
    """Cohorts by name."""

    cohorts: list[CohortLine]
    next: str | None = None


def cell(found: Analysis, cohort: str, event: str) -> Mapping[str, Any]:
    """Give the numbers of one cell."""
    assert isinstance(found.config, RateConfig)  # noqa: S101  # the config of this kind
    rates = rates_of(found.posterior)
    return cell_data(rates, rates.index(cohort, event), found.config)


def comparison(found: Analysis, first: str, second: str, event: str) -> Mapping[str, Any]:
    """Give the comparison of two cells."""
    return _ask(found, "compare", {"a": first, "b": second, "event": event})


def draws(found: Analysis, cohort: str, event: str, n: int, seed: int) -> list[float]:
    """Draw from the posterior of one cell."""
    rates = rates_of(found.posterior)
    label = rates.variable.labels[rates.index(cohort, event)]
    drawn: list[float] = found.posterior.sample("rate", label, n, seed).tolist()
    return drawn


def one_rate_each(
    experiment: Experiment, overrides: Mapping[str, Any], event: str | None
) -> dict[str, Any]:
    """Complete settings so that every cohort has one rate, and a hierarchy is about the event."""
    stored = str(experiment.config.get("model", "independent"))
    model = overrides.get("model") or ("independent" if stored in OVER_TIME else stored)
    completed = {**overrides, "model": model}
    if model == "hierarchical":
        return completed | ({"event": event} if event else {})
    # a stored engine may be there for the hierarchy; one that is asked for here is refused
    return {"engine": "auto", **completed}


def joint_draws(
    found: Analysis, event: str, n: int, seed: int, chosen: Sequence[str] | None
) -> Mapping[str, Any]:
    """Draw the hyperparameters of a hierarchy and its rates together."""
    rates = rates_of(found.posterior)
    picked = list(dict.fromkeys(chosen)) if chosen else rates.cells["cohort"].to_pylist()
    labels = [rates.variable.labels[rates.index(cohort, event)] for cohort in picked]
    if n * len(labels) > MOST_VALUES:
        raise TooLarge(
            f"{n:,} draws of {len(labels):,} cohorts are {n * len(labels):,} numbers; at most "
            f"{MOST_VALUES:,} can be had at once.",
            hint=f"Ask for n={MOST_VALUES // len(labels)}, or name some cohorts: cohort=NAME.",
            limit=MOST_VALUES,
        )
    hyper = {name: [name] for name in ("alpha", "beta")}
    drawn = found.posterior.draw(n, seed, {"rate": labels, **hyper})
    known = rates.constants
    return {
        "event": event,
        "hyperparams": {name: drawn[name][:, 0].tolist() for name in hyper},
        "rates": dict(zip(picked, drawn["rate"].T.tolist(), strict=True)),
        "n": n,
        "seed": seed,
        "model": known["model"],
        "method": found.posterior.method,
        **{name: known[name] for name in ("start", "end", "exposure")},
        "unit": known["per"],
    }


def page(
    request: Request,
    response: Response,
    service: Service,
    found: Analysis,
    *,
    limit: int,
    after: str | None,
) -> CohortPage:
    """Give a page of cohorts with the rate of each of their events."""
    import numpy as np
    import pyarrow.compute as pc

    rates = rates_of(found.posterior)
    names = sorted(set(rates.cells["cohort"].to_pylist()))
    rest = [name for name in names if after is None or name > after]
    shown = set(rest[:limit])
    kept = np.flatnonzero(pc.is_in(rates.cells["cohort"], value_set=_array(shown)).to_numpy())
    chosen = rates.distribution.take(kept.tolist())
    low, high = chosen.hdi(_MASS)
    numbers = zip(chosen.mean().tolist(), low.tolist(), high.tolist(), strict=True)
    times = _times(service, found)
    lines: dict[str, list[EventLine]] = {name: [] for name in rest[:limit]}
    for row, (mean, *hdi) in zip(rates.cells.take(kept).to_pylist(), numbers, strict=True):
        first, last = times.get((row["cohort"], row["event"]), (None, None))
        lines[row["cohort"]].append(
            EventLine(
                event=row["event"],
                count=row["k"],
                exposure=row["exposure"],
                first=first,
                last=last,
                mean=mean,
                hdi95=hdi,
            )
        )
    more = next_page(request, response, after=rest[limit - 1]) if len(rest) > limit else None
    listed = [CohortLine(cohort=name, events=events) for name, events in lines.items()]
    return CohortPage(cohorts=listed, next=more)


def _array(names: set[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(names), pa.string())


def _times(service: Service, found: Analysis) -> Times:
    """Give first and last event of each cell in the window, asked once per answer."""
    experiment = service.experiment(found.answer.experiment)
    key = f"{experiment.id}/{experiment.version}/{found.answer.provenance.key}"
    known = _seen.get(key)
    if known is None:
        known = _read_times(service, experiment, found)
        _seen.put(key, known)
    return known


def _read_times(service: Service, experiment: Experiment, found: Analysis) -> Times:
    from pymc_vibes.stats.events import within

    assert isinstance(found.config, RateConfig)  # noqa: S101  # the config of this kind
    start, end = found.config.window
    with service.lake.reading(experiment) as view:
        inside = within(view.events, start, end)
        spans = inside.group_by("cohort", "event").agg(
            first=inside.timestamp.min(), last=inside.timestamp.max()
        )
        rows = view.to_arrow(spans).to_pylist()
    return {
        (row["cohort"], row["event"]): (
            f"{row['first'].isoformat()}Z",
            f"{row['last'].isoformat()}Z",
        )
        for row in rows
    }


def _ask(found: Analysis, question: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    named = "/".join(f"{len(str(value))}:{value}" for value in asked.values())
    key = f"{found.answer.provenance.key}/{question}/{named}"
    known = _asked.get(key)
    if known is None:
        query = found.kind.query(question)
        assert isinstance(query, PosteriorQuery)  # noqa: S101  # both questions are of this sort
        answer = query.answer(found.posterior, found.config, parse(query.parameters, dict(asked)))
        known = dict(answer.data) | {"headline": answer.summary.headline}
        _asked.put(key, known)
    return known


def rows_by_cohort(service: Service, experiment: Experiment) -> Mapping[str, int]:
    """Count the rows of every cohort, whenever they came."""
    if experiment.rows == 0:
        return {}
    with service.lake.reading(experiment) as view:
        counted = view.events.group_by("cohort").agg(rows=view.events.count())
        found = view.to_arrow(counted).to_pylist()
    return {row["cohort"]: row["rows"] for row in found}
