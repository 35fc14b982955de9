"""Further questions to fitted rates: one cell, two cohorts, all cohorts of an event."""

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.answer import (
    context_of,
    estimates_of,
    findings_of,
    rate_table,
    rate_words,
)
from pymc_vibes.kinds.poisson_cohorts.compare import chances_of_best, compare_two
from pymc_vibes.kinds.poisson_cohorts.numbers import cell_data, rates_of
from pymc_vibes.kinds.poisson_cohorts.pictures import (
    difference_figure,
    rate_curves,
    rate_forest,
)
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.standing import Standing

MATRIX = 50  # cohorts in a matrix of pairs: more cannot be read


class RateOf(Parameters):
    """Which rate."""

    cohort: str = setting(..., "The cohort.", max_length=2000)
    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


class Pair(Parameters):
    """Which two rates."""

    a: str = setting(..., "The first cohort.", max_length=2000)
    b: str = setting(..., "The second cohort.", max_length=2000)
    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


class AllOf(Parameters):
    """Which event."""

    event: str | None = setting(None, "The event; the headline's by default.", max_length=2000)


def rate(posterior: Posterior, config: RateConfig, parameters: RateOf) -> QueryAnswer:
    """Give the posterior of one cohort's rate of one event."""
    import numpy as np

    rates = rates_of(posterior)
    event = rates.event(parameters.event or config.event)
    cell = rates.index(parameters.cohort, event)
    cells = np.array([cell])
    (estimate,) = estimates_of(rates, cells, config)
    return QueryAnswer(
        summary=Summary(
            headline=f"{event} of {parameters.cohort}: {rate_words(estimate)}.",
            estimates=(estimate,),
            findings=findings_of(rates, rates.cells.take(cells), config),
            tables=(rate_table(rates, cells, config),),
            context=context_of(rates, config) | {"event": event},
        ),
        figures=(rate_curves(rates, event, cells, config),),
        data=cell_data(rates, cell, config),
    )


def compare(posterior: Posterior, config: RateConfig, parameters: Pair) -> QueryAnswer:
    """Compare the rates of two cohorts exactly."""
    import numpy as np

    rates = rates_of(posterior)
    if parameters.a == parameters.b:
        raise BadConfig(
            "A cohort cannot be compared with itself.",
            hint="Name two cohorts.",
            fields=[{"field": "b", "reason": "must differ from a"}],
        )
    event = rates.event(parameters.event or config.event)
    first, second = (rates.index(name, event) for name in (parameters.a, parameters.b))
    cells = np.array([first, second])
    comparison = compare_two(rates, first, second, config)
    return QueryAnswer(
        summary=Summary(
            headline=comparison.claim.text,
            decision=comparison.decision(),
            estimates=(*comparison.estimates, *estimates_of(rates, cells, config)),
            claims=(comparison.claim,),
            findings=findings_of(rates, rates.cells.take(cells), config),
            tables=(rate_table(rates, cells, config),),
            context=context_of(rates, config) | {"event": event},
        ),
        figures=(rate_curves(rates, event, cells, config), difference_figure(comparison)),
        data={
            "event": event,
            "A": cell_data(rates, first, config),
            "B": cell_data(rates, second, config),
            **comparison.data(),
        },
    )


def rank(posterior: Posterior, config: RateConfig, parameters: AllOf) -> QueryAnswer:
    """Rank the cohorts of an event: pairs, chance of being first, expected rank."""
    from pymc_vibes.stats.best import pairwise, ranks

    rates = rates_of(posterior)
    event = rates.event(parameters.event or config.event)
    cells = rates.ordered(event, config.direction)
    if len(cells) < 2:
        raise InsufficientData(
            f"A ranking needs 2 cohorts with {event!r}, there are {len(cells)}.", have=len(cells)
        )
    shown = cells[:MATRIX]
    chosen = rates.gamma.take(shown)
    direction = config.direction or "higher"
    chances = chances_of_best(rates.gamma, cells, direction)
    top = 0 if chances is None else int(chances.argmax())
    order = ranks(chosen, direction, config.level)
    (leading,) = estimates_of(rates, cells[top : top + 1], config)
    standing = Standing(
        labels=tuple(rates.cohort(int(cell)) for cell in shown),
        total=len(cells),
        leader=rates.cohort(int(cells[top])),
        lead=None if chances is None else float(chances[top]),
        best=None if chances is None else chances[: len(shown)].tolist(),
        expected=order.expected.tolist(),
        low=order.low.tolist(),
        high=order.high.tolist(),
        pairs=pairwise(chosen).tolist(),
    )
    most = "highest" if direction == "higher" else "lowest"
    return QueryAnswer(
        summary=Summary(
            headline=standing.headline(event, most, rate_words(leading)),
            claims=standing.claims(event, most, config.level),
            findings=(*standing.findings(), *findings_of(rates, rates.cells.take(shown), config)),
            tables=(standing.table(), standing.matrix()),
            context=context_of(rates, config) | {"event": event, "cohorts": len(cells)},
        ),
        figures=(rate_forest(rates, event, cells, config),),
        data=standing.data(event),
    )


QUERIES = (
    PosteriorQuery(
        slug="rate",
        title="One rate",
        about="The posterior of one cohort's rate: parameters, moments, intervals.",
        parameters=RateOf,
        answer=rate,
    ),
    PosteriorQuery(
        slug="compare",
        title="Two cohorts",
        about="Which of two rates is higher: chance, difference, ratio, expected loss; all exact.",
        parameters=Pair,
        answer=compare,
    ),
    PosteriorQuery(
        slug="rank",
        title="All cohorts",
        about="Every pair, the chance of being first, and the expected rank with its interval.",
        parameters=AllOf,
        answer=rank,
    ),
)
