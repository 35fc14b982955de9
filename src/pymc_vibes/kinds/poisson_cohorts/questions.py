"""Further questions to fitted rates: one cell, two cohorts, all cohorts of an event."""

from functools import lru_cache

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.poisson_cohorts.answer import estimates_of, rate_words
from pymc_vibes.kinds.poisson_cohorts.compare import compare_two
from pymc_vibes.kinds.poisson_cohorts.findings import context_of, findings_of
from pymc_vibes.kinds.poisson_cohorts.hierarchical import fit_hierarchical
from pymc_vibes.kinds.poisson_cohorts.numbers import cell_data, rates_of
from pymc_vibes.kinds.poisson_cohorts.over_time import rate_over_time
from pymc_vibes.kinds.poisson_cohorts.parameters import AllOf, Named, Pair, RateOf
from pymc_vibes.kinds.poisson_cohorts.pictures import (
    difference_figure,
    rate_curves,
    rate_forest,
)
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.standing import MATRIX, standing_of
from pymc_vibes.kinds.poisson_cohorts.tables import rate_table
from pymc_vibes.kinds.poisson_cohorts.view import Rates

LISTED = 1000  # names that are found, for programs


def about_event(posterior: Posterior, config: RateConfig, wanted: str | None) -> tuple[Rates, str]:
    """Give the rates and the event that a question is about: its own, else the headline's.

    A hierarchy is about one event; that of another is fitted on the spot where it can be
    integrated.
    """
    if config.is_over_time:
        raise BadConfig(
            f"The {config.model} model has no single rate of a cohort to compare or rank.",
            hint="Set model to independent or hierarchical for this question.",
            fields=[{"field": "model", "reason": "has many rates per cohort"}],
        )
    rates = rates_of(posterior)
    event = rates.event(wanted or config.event)
    if rates.only_event in (None, event):
        return rates, event
    return rates_of(_other_event(posterior, config.model_copy(update={"event": event}))), event


@lru_cache(maxsize=64)
def _other_event(posterior: Posterior, config: RateConfig) -> Posterior:
    if posterior.method == "nuts":
        raise BadConfig(
            f"The hierarchy was sampled for the event {posterior.constants['event']!r} alone.",
            hint=f"Set event to {str(config.event)[:80]!r} to sample the other one.",
            fields=[{"field": "event", "reason": "is not the one that was sampled"}],
        )
    return fit_hierarchical(posterior.cells, config, NOBODY)


def rate(posterior: Posterior, config: RateConfig, parameters: RateOf) -> QueryAnswer:
    """Give the posterior of one cohort's rate of one event."""
    import numpy as np

    if config.is_over_time:
        return rate_over_time(posterior, config, parameters)
    rates, event = about_event(posterior, config, parameters.event)
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

    if parameters.a == parameters.b:
        raise BadConfig(
            "A cohort cannot be compared with itself.",
            hint="Name two cohorts.",
            fields=[{"field": "b", "reason": "must differ from a"}],
        )
    rates, event = about_event(posterior, config, parameters.event)
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
            "model": rates.constants["model"],
            "A": cell_data(rates, first, config),
            "B": cell_data(rates, second, config),
            **comparison.data(),
        },
    )


def rank(posterior: Posterior, config: RateConfig, parameters: AllOf) -> QueryAnswer:
    """Rank the cohorts of an event: pairs, chance of being first, expected rank."""
    rates, event = about_event(posterior, config, parameters.event)
    cells = rates.ordered(event, config.direction)
    if len(cells) < 2:
        raise InsufficientData(
            f"A ranking needs 2 cohorts with {event!r}, there are {len(cells)}.", have=len(cells)
        )
    standing = standing_of(rates, cells, config)
    (leading,) = estimates_of(rates, cells[standing.first : standing.first + 1], config)
    most = "lowest" if config.direction == "lower" else "highest"
    return QueryAnswer(
        summary=Summary(
            headline=standing.headline(event, most, rate_words(leading)),
            claims=standing.claims(event, most, config.level),
            findings=(
                *standing.findings(),
                *findings_of(rates, rates.cells.take(cells[:MATRIX]), config),
            ),
            tables=(standing.table(), standing.matrix()),
            context=context_of(rates, config) | {"event": event, "cohorts": len(cells)},
        ),
        figures=(rate_forest(rates, event, cells, config),),
        data=standing.data(event),
    )


def find(posterior: Posterior, config: RateConfig, parameters: Named) -> QueryAnswer:
    """List the cohorts whose names hold a text, best rate first."""
    import pyarrow.compute as pc

    rates, event = about_event(posterior, config, parameters.event)
    cells = rates.ordered(event, config.direction)
    names = rates.cells["cohort"].take(cells)
    found = cells[pc.match_substring(names, parameters.name_contains, ignore_case=True).to_numpy()]
    if len(found) == 0:
        raise EntityNotFound(
            f"No cohort with {event!r} has {parameters.name_contains[:80]!r} in its name.",
            hint="A part of a name is enough; upper and lower case are the same.",
        )
    (best,) = estimates_of(rates, found[:1], config)
    end = "lowest" if config.direction == "lower" else "highest"
    return QueryAnswer(
        summary=Summary(
            headline=(
                f"{len(found):,} of {len(cells):,} cohorts have {parameters.name_contains!r} in "
                f"their name; the {end} rate of {event} among them is that of "
                f"{rates.cohort(int(found[0]))}: {rate_words(best)}."
            ),
            findings=findings_of(rates, rates.cells.take(found), config),
            tables=(rate_table(rates, found, config),),
            context=context_of(rates, config) | {"event": event, "cohorts": len(found)},
        ),
        figures=(rate_forest(rates, event, found, config),),
        data={
            "event": event,
            "total": len(found),
            "cohorts": [rates.cohort(int(cell)) for cell in found[:LISTED]],
        },
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
    PosteriorQuery(
        slug="find",
        title="Find cohorts",
        about="The cohorts whose names hold a text, with their rates: for experiments with many.",
        parameters=Named,
        answer=find,
    ),
)
