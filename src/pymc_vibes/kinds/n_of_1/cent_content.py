"""What data and settings say for each part of the CENT 2015 checklist."""

from collections.abc import Callable, Mapping
from itertools import groupby

from pymc_vibes.kinds.n_of_1.looks_plan import SPENDING, evidence, plan_of
from pymc_vibes.kinds.n_of_1.model import day_of
from pymc_vibes.kinds.n_of_1.people import FOCUS
from pymc_vibes.kinds.n_of_1.planning_rules import counted, rules_of
from pymc_vibes.kinds.n_of_1.reading import Reading
from pymc_vibes.kinds.n_of_1.words import headline
from pymc_vibes.stats.daily_effect import amount, span
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent, plain

_SEQUENCE = 60  # periods that are written out


def contents(reading: Reading) -> Mapping[str, str]:
    """Give a text for every item that data or settings say something of."""
    return {number: text for number, say in _SAYS.items() if (text := say(reading))}


def is_binary(reading: Reading) -> bool:
    """Say whether every measurement is 0 or 1, as far as sums of days can tell."""
    cells = [row for row in reading.posterior.cells.to_pylist() if row["mean"] is not None]
    sums = [row["mean"] * row["count"] for row in cells]
    return all(
        0 <= row["mean"] <= 1 and abs(total - round(total)) < 1e-9
        for row, total in zip(cells, sums, strict=True)
    )


def _design(reading: Reading) -> str:
    trial, config = reading.trial, reading.config
    lengths = [int(period.end - period.first) for period in trial.periods]
    shortest, longest = min(lengths), max(lengths)
    days = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    washed = (
        f"the first {config.washout_days} days after every change are left out as wash-out"
        if config.washout_days
        else "no wash-out days are left out"
    )
    return (
        f"{len(lengths)} periods{_who(reading)} of {days} days over {len(trial.calendar)} days, "
        f"{reading.treatment} against {reading.comparator}; {washed}. {_rules(reading)}".strip()
    )


def _who(reading: Reading) -> str:
    """Say whose days are told, where there are several people's."""
    return f" ({reading.label[:60]})" if reading.people > 1 else ""


def _rules(reading: Reading) -> str:
    design = reading.config.design
    if design is None:
        return ""
    parts = [f"a treatment was given for {design.slot_days} days at least"]
    if design.block:
        parts.append(f"each {design.block} slots gave every treatment equally often")
    if design.min_run > 1:
        parts.append(f"runs of at least {design.min_run} slots")
    if design.max_run is not None:
        parts.append(f"runs of at most {design.max_run} slots")
    if design.max_imbalance is not None:
        parts.append(f"treatments differing by at most {design.max_imbalance} slots")
    if design.order is not None:
        parts.append(f"the order {', '.join(design.order)}, only lengths drawn")
    return f"Planned: {'; '.join(parts)}."


def _given(reading: Reading) -> str:
    said = [
        f"{reading.name_of(number)} on {int((reading.trial.main == number).sum())} days in "
        f"{sum(p.treatment == number for p in reading.trial.periods)} periods"
        for number in range(reading.trial.many)
    ]
    return f"Given{_who(reading)}: {'; '.join(said)}."


def _outcomes(reading: Reading) -> str:
    config, series = reading.config, reading.trial.series
    unit = f" in {config.outcome_unit}" if config.outcome_unit else ""
    least = (
        ""
        if config.smallest_effect is None
        else f" The smallest effect that matters is {amount(reading, config.smallest_effect)}."
    )
    return (
        f"{config.outcome_name}{unit}; {config.direction} is better. A day's value is the mean of "
        f"its measurements, {plain(float(series.count.mean()))} on an observed day.{least}"
    )


def _size(reading: Reading) -> str:
    monitoring = reading.config.monitoring
    if monitoring.planned_information is None and monitoring.planned_width is None:
        return ""
    plan = plan_of(reading)
    width = 2 * 1.959963984540054 / plan.information**0.5
    return f"Planned for a 95 % interval {amount(reading, width)} wide."


def _looks(reading: Reading) -> str:
    monitoring, stop = reading.config.monitoring, reading.config.bayes_stop
    sides = "two" if monitoring.sides == 2 else "one"
    return (
        f"Looks before the end spend an error rate of {percent(monitoring.error_rate)} "
        f"({sides}-sided) by {SPENDING[monitoring.spending.kind]}, on information; every look is "
        "kept for good. Beside it, a chance of benefit above "
        f"{percent(stop.benefit)} or below {percent(stop.futility)} is a reason to stop."
    )


def _drawn(reading: Reading) -> str:
    from pymc_vibes.core.errors import VibesError
    from pymc_vibes.stats.schedules import Schedules

    config = reading.config
    if config.design is None:
        return ""
    try:
        rules = rules_of("own", len(reading.trial.calendar), config.design.slot_days, config)
        many = f"{counted(Schedules(rules).count)} schedules, each with the same chance"
    except VibesError:
        many = "the schedules that the rules admit"
    seed = "" if config.design.seed is None else f", with seed {config.design.seed}"
    return f"The order was left to chance: drawn from {many}{seed}."


def _sequence(reading: Reading) -> str:
    runs = [
        (name, sum(int(period.end - period.first) for period in group))
        for name, group in groupby(
            reading.trial.periods, key=lambda period: reading.name_of(period.treatment)
        )
    ]
    said = ", ".join(f"{name} {days}" for name, days in runs[:_SEQUENCE])
    more = f", and {len(runs) - _SEQUENCE} more" if len(runs) > _SEQUENCE else ""
    return f"As it was carried out{_who(reading)}, in days: {said}{more}."


def _methods(reading: Reading) -> str:
    config = reading.config
    return (
        "Bayesian regression on calendar days with correlated errors; coefficients and scale are "
        "integrated exactly, correlations by quadrature. Effects are given with "
        f"{100 * config.level:g} % equal-tailed intervals and the chance of benefit."
    )


def _combined(reading: Reading) -> str:
    return (
        "Each person's likelihood of the effect, in a hierarchy with a normal distribution between "
        f"people; mean and spread by quadrature over {reading.people} people."
    )


def _carry_over(reading: Reading) -> str:
    config = reading.config
    carry = {
        "estimated": "the effect fades with a half-life that the data tell",
        "fixed": "the effect fades with a known half-life",
        "none": "none is part of the model",
    }[config.half_life.kind]
    trend = "a straight drift, shrunk" if config.include_trend else "no drift"
    periods = "may differ around the shared effect" if config.phase_deviations else "share it"
    return (
        f"Carry-over: {carry}. Periods: they {periods}; {trend}. Correlation of days: "
        f"{config.correlation.replace('-', ' plus ')}."
    )


def _completed(reading: Reading) -> str:
    trial, days = reading.trial, len(reading.trial.calendar)
    return (
        f"{len(trial.periods)} periods{_who(reading)} have data; {reading.missing} of {days} days "
        "have no measurement."
    )


def _people(reading: Reading) -> str:
    short = len(reading.posterior.constants["too_few"])
    return f"{reading.people + short} people have data, {reading.people} are analyzed."


def _left_out(reading: Reading) -> str:
    short = reading.posterior.constants["too_few"]
    if not short:
        return "Nobody with data is left out."
    return (
        f"Left out, for fewer than {reading.config.min_days} days under a treatment: "
        f"{', '.join(str(label)[:60] for label in list(short)[:20])}."
    )


def _dates(reading: Reading) -> str:
    first, last = day_of(reading.trial.first), day_of(reading.trial.end - 1)
    recruited = reading.config.protocol.recruitment
    return f"Followed{_who(reading)} from {first} to {last}. {recruited or ''}".strip()


def _ended(reading: Reading) -> str:
    known, plan = evidence(reading), plan_of(reading)
    share = percent(known.information / plan.information)
    why = reading.config.protocol.recruitment or ""
    return (
        f"The data end on {day_of(reading.trial.end - 1)}, with {share} of the information "
        f"planned ({plan.source.replace('_', ' ')}). {why}"
    ).strip()


def _analyzed(reading: Reading) -> str:
    said = []
    for label, fit in reading.found.fits.items():
        many = [
            f"{sum(p.treatment == k and p.counted > 0 for p in fit.trial.periods)} of "
            f"{reading.name_of(k)}"
            for k in range(fit.trial.many)
        ]
        said.append(f"{label[:60]}: {', '.join(many)}" if reading.people > 1 else ", ".join(many))
    return f"Periods that are analyzed: {'; '.join(said)}."


def _periods(reading: Reading) -> str:
    del reading
    return "See the table of periods and the figure of the days."


def _effect(reading: Reading) -> str:
    return headline(reading)


def _relative(reading: Reading) -> str:
    import numpy as np

    trial = reading.trial
    means = [
        float(np.average(own.mean, weights=own.count))
        for own in (
            trial.series.where(trial.kept & (trial.treatment == number)) for number in (FOCUS, 0)
        )
    ]
    ratio = f"{plain(means[0] / means[1])} times" if means[1] > 0 else "not defined"
    return (
        f"Absolute {plain(means[0] - means[1])}, relative {ratio}: {percent(means[0])} under "
        f"{reading.treatment}, {percent(means[1])} under {reading.comparator}."
    )


def _others(reading: Reading) -> str:
    regression = reading.fit.regression
    phi = float(regression.weights @ regression.grid.phi)
    lows = [other.low for other in reading.alternatives]
    highs = [other.high for other in reading.alternatives]
    return (
        f"Correlation of one day with the next {plain(phi, 2)}; Ljung-Box p of what is left over "
        f"{reading.left_over:.2g}. Under {len(lows)} other models the intervals lie between "
        f"{plain(min(lows))} and {amount(reading, max(highs))}, against {span(reading)} here; "
        f"{len(reading.cycles)} pairs of periods are compared in a table. Chance of benefit "
        f"{chance(reading.p_benefit)}."
    )


_SAYS: Mapping[str, Callable[[Reading], str]] = {
    "3a": _design,
    "5": _given,
    "6a.1": _outcomes,
    "7a": _size,
    "7b": _looks,
    "8a": _drawn,
    "8b": _rules,
    "8c": _sequence,
    "12a": _methods,
    "12b": _combined,
    "12c": _carry_over,
    "13a.1": _completed,
    "13a.2": _people,
    "13b": _left_out,
    "14a": _dates,
    "14b": _ended,
    "16": _analyzed,
    "17a.1": _periods,
    "17a.2": _effect,
    "17b": _relative,
    "18": _others,
}
