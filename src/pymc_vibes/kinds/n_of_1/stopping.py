"""What stopping early costs: chances of false alarms, power, days and exaggeration of each rule."""

from collections.abc import Iterator

from pydantic import JsonValue

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.model import population_prior
from pymc_vibes.kinds.n_of_1.planning_rules import TITLES
from pymc_vibes.kinds.n_of_1.stopping_rules import (
    BAYES,
    SPENDING,
    Rules,
    Stopping,
    rules_at_looks,
)
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import plain, quantity

_ALARMS = 0.05  # one-sided false alarms above it are worth a warning


def stopping(config: NOf1Config, asked: Stopping) -> QueryAnswer:
    """Say how rules of stopping behave, exactly: a normal estimate, correlation known."""
    found = rules_at_looks(config, asked)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(found),
            findings=tuple(_findings(found)),
            tables=(_behaviors(found), _boundaries(found), _stopped(found)),
            context=_context(found),
        ),
        figures=_figures(found),
        data={
            "look_days": list(found.days),
            "fractions": list(found.fractions),
            "information": found.information[-1],
            "effect": found.assumed.effect,
            "rules": {name: _numbers(found, name) for name in found.behavior},
        },
    )


def _headline(found: Rules) -> str:
    none, some = found.behavior[BAYES]
    spent = found.behavior[SPENDING][0].chance_of_benefit
    factor = found.exaggeration(BAYES)
    is_over = factor is not None and factor >= 1.05  # said with two digits
    over = f", and overstates it {plain(factor, 2)} times on average" if is_over else ""
    return (
        f"Without any effect the Bayesian rule stops for benefit in "
        f"{chance(none.chance_of_benefit)} of trials, alpha spending in {chance(spent)}. With an "
        f"effect of {_amount(found.assumed.effect, found)} it does so in "
        f"{chance(some.chance_of_benefit)}, after {found.expected_days(BAYES, some):.0f} of "
        f"{found.days[-1]} days on average{over}."
    )


def _amount(value: float, found: Rules) -> str:
    unit = "sds of a day" if found.assumed.is_unit_free else found.config.outcome_unit
    return quantity(value, unit)


def _findings(found: Rules) -> Iterator[Finding]:
    alarms = found.behavior[BAYES][0].chance_of_benefit
    benefit = found.config.bayes_stop.benefit
    if alarms > max(_ALARMS, 1.2 * (1 - benefit)):
        yield Finding(
            code="false-alarms", severity="warning",
            text=f"A threshold of {100 * benefit:g} % is not a promise of {100 * (1 - benefit):g} "
            f"% false alarms: looked at {len(found.days)} times, {chance(alarms)} of trials "
            "without any effect stop for benefit. Raise it, look less often, or spend alpha.",
        )  # fmt: skip
    if len(found.days) < 1 + (found.asked.days - 1) // found.asked.look_every_days:
        yield Finding(
            code="looks-without-information", severity="note",
            text=f"The first look that can tell anything is after {found.days[0]} days; looks that "
            "add no information are left out.",
        )  # fmt: skip
    yield Finding(
        code="best-case", severity="note",
        text="Exact for a normal estimate and a known correlation; a trial that must learn the "
        "correlation does a little worse.",
    )  # fmt: skip


def _behaviors(found: Rules) -> Table:
    effect = _amount(found.assumed.effect, found)
    rows: list[tuple[JsonValue, ...]] = []
    for name, pair in found.behavior.items():
        for which, one in zip(("none", effect), pair, strict=True):
            rows.append(
                (
                    name, which, one.chance_of_benefit, one.chance_of_other,
                    found.expected_days(name, one),
                    None if which == "none" else found.exaggeration(name),
                )
            )  # fmt: skip
    return Table(
        name="rules",
        title="What each rule does to trials",
        columns=("rule", "true_effect", "chance_of_benefit", "chance_of_harm_or_futility",
            "mean_days", "overstated"),
        units=("", "", "", "", "days", "times"),
        rows=tuple(rows),
    )  # fmt: skip


def _boundaries(found: Rules) -> Table:
    bayes, spent = found.boundaries[BAYES], found.boundaries[SPENDING]
    rows: list[tuple[JsonValue, ...]] = [
        (day, found.fractions[k], bayes.upper[k], bayes.lower[k], _finite(spent.upper[k]))
        for k, day in enumerate(found.days)
    ]
    return Table(
        name="boundaries",
        title="Boundaries of Z at each look",
        columns=("day", "information", "bayesian_benefit", "bayesian_futility", "alpha_spending"),
        units=("", "share", "", "", ""),
        rows=tuple(rows),
    )


def _stopped(found: Rules) -> Table:
    import numpy as np

    by_then = [
        np.cumsum(found.behavior[name][which].benefit)
        for name in (BAYES, SPENDING)
        for which in (0, 1)
    ]
    return Table(
        name="stopped",
        title="Stopped for benefit by each look",
        columns=("day", "chance_bayesian_no_effect", "chance_bayesian_effect",
            "chance_spending_no_effect", "chance_spending_effect"),
        rows=tuple(
            (day, *(float(chances[k]) for chances in by_then))
            for k, day in enumerate(found.days)
        ),
    )  # fmt: skip


def _context(found: Rules) -> dict[str, JsonValue]:
    config, noise = found.config, found.assumed.noise
    return {
        "design": TITLES[found.design],
        "sd_of_a_day": _amount(found.assumed.sd, found),
        "autocorrelation": noise.autocorrelation,
        "prior_sd_of_the_effect": _amount(population_prior(config, found.assumed.sd).mean, found),
        "benefit_above": config.bayes_stop.benefit,
        "futility_below": config.bayes_stop.futility,
        "spending": config.monitoring.spending.kind,
        "error_rate": config.monitoring.error_rate,
    }


def _figures(found: Rules) -> tuple[Figure, ...]:
    import numpy as np

    from pymc_vibes.stats.chart import lines_with_bands

    days = list(found.days)
    lines = [
        (label, days, np.cumsum(found.behavior[name][which].benefit).tolist(), None, None)
        for name in (BAYES, SPENDING)
        for which, label in ((0, f"{name}, no effect"), (1, f"{name}, the effect"))
    ]
    none, some = found.behavior[BAYES]
    return (
        lines_with_bands(
            "stopped_by_day",
            f"By the end the Bayesian rule has stopped {chance(some.chance_of_benefit)} of trials "
            f"with the effect for benefit, and {chance(none.chance_of_benefit)} of those without",
            "Chance to have stopped for benefit by each look, for the Bayesian rule and for alpha "
            "spending, with and without the effect.",
            lines=lines, x_label="day", y_label="chance to have stopped for benefit",
            y_format="chance", y_domain=(0.0, 1.0),
        ),
    )  # fmt: skip


def _numbers(found: Rules, name: str) -> dict[str, JsonValue]:
    none, some = found.behavior[name]
    rule = found.boundaries[name]
    return {
        "upper": [_finite(one) for one in rule.upper],
        "lower": [_finite(one) for one in rule.lower],
        "false_alarms": none.chance_of_benefit,
        "stops_low_without_effect": none.chance_of_other,
        "days_without_effect": found.expected_days(name, none),
        "power": some.chance_of_benefit,
        "stops_low_with_effect": some.chance_of_other,
        "days_with_effect": found.expected_days(name, some),
        "overstated": found.exaggeration(name),
    }


def _finite(value: float) -> float | None:
    return value if abs(value) < 1e300 else None
