"""What a look says: the sentence, the table of all looks, and Z against its boundaries."""

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from pymc_vibes.core.answer import Claim, Decision, Estimate, Finding, Interval, Summary, Table
from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.kinds.n_of_1.looks_plan import SPENDING
from pymc_vibes.stats.columns import numbers
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent, plain

# nominal 5 %: 9 % of 2,000 null trials that are looked at from two periods of each on, 5.5 % of
# those from four on
ENOUGH_PERIODS = 4

if TYPE_CHECKING:
    from pymc_vibes.kinds.n_of_1.looks_made import Looked


def summary(found: "Looked") -> Summary:
    """Say what this look came to."""
    return Summary(
        headline=_headline(found),
        decision=_decision(found),
        estimates=tuple(_estimates(found)),
        claims=(
            Claim(
                text=f"{found.reading.treatment} is better than {found.reading.comparator}, by the "
                "posterior at this look.",
                probability=found.evidence.p_benefit,
            ),
        ),
        findings=tuple(_findings(found)),
        tables=(_table(found),),
        context=_context(found),
    )


def _headline(found: "Looked") -> str:
    look, z = found.look, plain(found.evidence.z)
    drug, other = found.reading.treatment, found.reading.comparator
    when = f"Look {found.number}, with {percent(found.fraction)} of the planned information"
    if found.outcome == "over":
        return f"The trial has ended at an earlier look. {when}: nothing is spent, nothing changes."
    if look is None:
        return (
            f"{when}, no more than the look before: no error rate is spent, and nothing can be "
            "decided. Look again when there are more data."
        )
    if found.outcome == "benefit":
        return f"{when}: stop for benefit. Z is {z}, at or above the boundary {_limit(found)}."
    if found.outcome == "harm":
        return f"{when}: stop for harm. Z is {z}, at or below the boundary -{_limit(found)}."
    if found.outcome == "end":
        return (
            f"{when}: the trial ends without a finding. Z is {z}, inside the boundary "
            f"{_limit(found)}: {drug} is not shown to differ from {other}."
        )
    if not isfinite(look.boundary):
        return f"{when}: go on. It is too early for any result to end the trial."
    return f"{when}: go on. Z is {z}, inside the boundary {_limit(found)}."


def _limit(found: "Looked") -> str:
    return "unbounded" if found.look is None else f"{found.look.boundary:.4g}"


def _decision(found: "Looked") -> Decision:
    spent = found.look.spent if found.look else 0.0
    rate = found.plan.monitoring.error_rate
    better = found.reading.config.direction
    if found.outcome in {"benefit", "harm"}:
        worse = "lower" if better == "higher" else "higher"
        return Decision(
            action="stop the trial",
            tone=better if found.outcome == "benefit" else worse,
            reason=f"The boundary is crossed; over all looks the chance of a false finding is at "
            f"most {percent(rate)}.",
        )
    if found.outcome == "on":
        return Decision(
            action="go on", tone="undecided",
            reason=f"{_little(spent)} of the error rate of {percent(rate)} is spent so far.",
        )  # fmt: skip
    if found.outcome == "end":
        return Decision(
            action="end the trial", tone="undecided",
            reason=f"All of the error rate of {percent(rate)} is spent.",
        )  # fmt: skip
    return Decision(
        action="keep to what was decided" if found.outcome == "over" else "go on",
        tone="undecided",
        reason="A look that comes too early or too late spends nothing and decides nothing.",
    )


def _little(share: float) -> str:
    return percent(share) if share >= 1e-4 else "Next to nothing"


def _estimates(found: "Looked") -> Iterator[Estimate]:
    """Give the effect with its repeated interval, and adjusted where the trial ends here."""
    unit, known = found.reading.config.outcome_unit, found.evidence
    ends, rate = found.interval(), found.plan.monitoring.error_rate
    yield Estimate(
        name="benefit", label="benefit, by the data alone", unit=unit, mean=known.estimate,
        sd=known.se,
        interval=None if ends is None else Interval(
            low=_end(ends[0]), high=_end(ends[1]), prob=1 - rate, kind="eti"
        ),
    )  # fmt: skip
    adjusted = found.adjusted()
    if adjusted is not None:
        yield Estimate(
            name="benefit_adjusted", label="benefit, adjusted for stopping here", unit=unit,
            mean=adjusted.estimate,
            interval=Interval(
                low=_end(adjusted.low), high=_end(adjusted.high), prob=adjusted.level, kind="eti"
            ),
        )  # fmt: skip


def _findings(found: "Looked") -> Iterator[Finding]:
    if found.changed:
        yield Finding(
            code="settings-changed", severity="warning",
            text=f"Since the first look these settings have changed: {', '.join(found.changed)}. "
            "The plan of the first look holds; an analysis that is changed after looking can no "
            "longer keep its error rate.",
        )  # fmt: skip
    if found.outcome != "over" and found.fewest_periods < ENOUGH_PERIODS:
        yield Finding(
            code="few-periods", severity="warning",
            text=f"A treatment has had {found.fewest_periods} periods so far. Before there are "
            f"{ENOUGH_PERIODS} of each the model knows little of how slowly days change, and looks "
            "find effects that are not there more often than the error rate says.",
        )  # fmt: skip
    if found.plan.source.startswith("80 %"):
        yield Finding(
            code="no-plan", severity="note",
            text=f"No information was planned, so it is that of {found.plan.source}, fixed at the "
            "first look. Set monitoring.planned_width before the first look.",
        )  # fmt: skip
    adjusted = found.adjusted()
    if adjusted is not None:
        unit = found.reading.config.outcome_unit
        yield Finding(
            code="adjusted", severity="note",
            text="A trial that stops when an effect looks large overstates it. Adjusted for "
            f"stopping, the benefit is {f'{plain(adjusted.estimate)} {unit}'.rstrip()}, from "
            f"{plain(adjusted.low)} to {plain(adjusted.high)}, with p {adjusted.p:.2g}.",
        )  # fmt: skip
    yield Finding(code="bayesian", severity="note", text=_bayesian(found))


def _bayesian(found: "Looked") -> str:
    p, stop = found.evidence.p_benefit, found.reading.config.bayes_stop
    if stop.futility < p < stop.benefit:
        said = "would go on"
    else:
        said = f"would stop for {'benefit' if p >= stop.benefit else 'futility'}"
    return (
        f"The Bayesian rule {said}: the chance of benefit is {chance(p)}, its thresholds are "
        f"{percent(stop.benefit)} and {percent(stop.futility)}. It does not count looks; the "
        'question "What stopping early costs" says the price.'
    )


def _table(found: "Looked") -> Table:
    unit = found.reading.config.outcome_unit
    rows: list[tuple[JsonValue, ...]] = [
        _row(number, entry.data) for number, entry in enumerate(found.past, start=1)
    ]
    look, ends = found.look, found.interval()
    rows.append(
        (
            found.number, found.last_day, found.fraction, found.evidence.z,
            None if look is None else _end(look.boundary),
            None if look is None else _spent(look.spent),
            found.evidence.estimate, *(_end(end) for end in ends or (None, None)),
            found.evidence.p_benefit, _OUTCOMES[found.outcome],
        )
    )  # fmt: skip
    return Table(
        name="looks",
        title="All looks so far",
        columns=("look", "until", "information", "z", "boundary", "error_spent", "benefit",
            "low", "high", "chance_benefit", "outcome"),
        units=("", "", "share", "", "", "share", unit, unit, unit, "", ""),
        rows=tuple(rows),
    )  # fmt: skip


_OUTCOMES = {
    "benefit": "stop: benefit",
    "harm": "stop: harm",
    "end": "end, no finding",
    "on": "go on",
    "none": "not spent: no new information",
    "over": "not spent: the trial has ended",
}


def _row(number: int, data: Any) -> tuple[JsonValue, ...]:
    is_spent = data["is_spent"]
    return (
        number, data["last_day"], data["fraction"], data["z"], data["boundary"],
        _spent(data["error_spent"]) if is_spent else None, data["estimate"],
        *(data["interval"] or (None, None)), data["chance_benefit"], _OUTCOMES[data["outcome"]],
    )  # fmt: skip


def _context(found: "Looked") -> dict[str, JsonValue]:
    monitoring = found.plan.monitoring
    return {
        "error_spent_by": SPENDING[monitoring.spending.kind],
        "error_rate": monitoring.error_rate,
        "sides": monitoring.sides,
        "planned_information": found.plan.information,
        "planned_by": found.plan.source.replace("_", " "),
        "data_until": found.last_day,
        "sign": "effects above 0 are on the better side",
    }


def picture(found: "Looked") -> Figure:
    """Draw Z of every look against its boundary."""
    x, z, limit = zip(*_points(found), strict=True)
    bounded = [(at, one) for at, one in zip(x, limit, strict=True) if one is not None]
    tables: dict[str, Any] = {"looks": {"x": numbers(x), "y": numbers(z)}, "zero": {"y": (0.0,)}}
    marks = [Mark(kind="rule_y", table="zero", y="y", weight="thin")]
    if bounded:
        at, upper = zip(*bounded, strict=True)
        tables["boundary"] = {
            "x": numbers(at), "y": numbers(upper), "lower": numbers([-one for one in upper])
        }  # fmt: skip
        marks += _boundary(is_two_sided=found.plan.monitoring.sides == 2)
    marks += [
        Mark(kind="line", table="looks", x="x", y="y", series=0),
        Mark(kind="dot", table="looks", x="x", y="y", series=0),
    ]
    return Figure(
        name="boundaries",
        title=f"Look {found.number}: Z is {plain(found.evidence.z)}"
        + (f", the boundary {_limit(found)}" if found.look is not None else ""),
        alt=f"Z of {len(x)} looks over the share of the planned information, as dots joined "
        "by a line, and the boundaries at which the trial may stop.",
        spec=FigureSpec(
            x=Axis(
                label="share of the planned information",
                format="percent",
                domain=(0.0, max(1.0, *x)),
            ),
            y=Axis(label="Z, better side up"),
            series=("Z", "boundary"),
            tables=tables,
            marks=tuple(marks),
            shown=("looks", *(("boundary",) if bounded else ())),
        ),
    )


def _points(found: "Looked") -> list[tuple[Any, Any, Any]]:
    """Give information, Z and boundary of the looks that spent something, and of this one."""
    spent = [entry.data for entry in found.past if entry.data["is_spent"]]
    points: list[tuple[Any, Any, Any]] = [
        (data["fraction"], data["z"], data["boundary"]) for data in spent
    ]
    if found.look is not None:
        points.append((found.fraction, found.evidence.z, _end(found.look.boundary)))
    else:
        points.append((found.fraction, found.evidence.z, None))
    return points


def _boundary(*, is_two_sided: bool) -> list[Mark]:
    sides = ("y", "lower") if is_two_sided else ("y",)
    return [
        Mark(kind=kind, table="boundary", x="x", y=side, series=1, dashed=True)
        for side in sides
        for kind in ("line", "dot")
    ]


def _spent(share: float) -> float:
    """Round what is next to nothing, for a table."""
    return share if share >= 1e-6 else 0.0


def _end(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value
