"""What experiments changed: the mix without them, what they measured, and the mix with them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding, Table
from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.marketing_mix.calibration import expected_of, moved_of, shift_of
from pymc_vibes.kinds.marketing_mix.evidence import readouts_of
from pymc_vibes.kinds.marketing_mix.reading import Reading
from pymc_vibes.stats.decide import join
from pymc_vibes.stats.describe import finite, plain
from pymc_vibes.stats.kept import once

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.media_calibration import Conflict, Shift, Summary
    from pymc_vibes.stats.media_experiments import Evidence
    from pymc_vibes.stats.special import Array

CONFLICT_BAR = 0.05
"""Chance of a readout as far out, below which it contradicts the history."""


def calibration_tables(reading: Reading) -> Iterator[Table]:
    """List what was measured beside what the mix expected, and what that moved."""
    before = reading.uncalibrated
    if before is None:
        return
    yield _readouts(reading, before)
    yield _returns(reading, before)
    yield _parameters(reading, before)


def calibration_figures(reading: Reading) -> Iterator[Figure]:
    """Draw measured lifts over expected ones, and effects with and without the experiments."""
    from pymc_vibes.stats.chart_media import before_and_after, measured_and_expected

    before = reading.uncalibrated
    if before is None:
        return
    evidence, level = evidence_in(reading), reading.config.level
    without, after = (_expected(one, reading) for one in (before, reading))
    against = _contradicting(reading, before)
    yield measured_and_expected(
        "experiments",
        f"{join(against)} contradicts what the history alone says"
        if against
        else "The experiments agree with what the history alone says",
        f"The lifts that {len(evidence.lift)} readouts measured, as diamonds with their errors, "
        "over what the mix expects without and with the experiments.",
        labels=_numbered(evidence),
        measured=[(float(x), float(s)) for x, s in zip(evidence.lift, evidence.sd, strict=True)],
        before=_rows(before, without),
        after=_rows(reading, after),
        x_label=f"lift in {reading.config.sales_name}",
        level=level,
    )
    effects = _effects(reading, before)
    yield before_and_after(
        "calibration",
        _moved_title(reading, effects),
        "The average effect of each channel without the experiments, as a thin bar, and with them, "
        "as a heavy one.",
        labels=list(reading.channels),
        before=_bars(effects.before),
        after=_bars(effects.after),
        x_label="average effect",
        unit="log points" if reading.config.link == "log" else "of mean sales",
        level=level,
        words=("without the experiments", "with them"),
    )


def calibration_findings(reading: Reading) -> Iterator[Finding]:
    """Say which experiments contradict the history, and what to make of it."""
    before = reading.uncalibrated
    if before is None:
        return
    if not before.is_trusted:
        yield Finding(
            code="no-fit-without", severity="warning",
            text="The fit without the experiments has chains that do not agree, so what the "
            "experiments changed is not known well.",
        )  # fmt: skip
    against = _contradicting(reading, before)
    if against:
        yield Finding(
            code="experiments-contradict", severity="warning",
            text=f"{join(against)}: what was measured lies where the history alone has it in "
            f"fewer than {100 * CONFLICT_BAR:g} % of cases. Something unrecorded may drive both "
            "spend and sales, and years of it outvote a test: repeat the test, or give it a "
            "weight above 1.",
        )  # fmt: skip
    evidence = evidence_in(reading)
    if reading.study.features.form.spec.lags and not _reads_afterwards(reading):
        many = len(evidence.lift)
        which = "The readout is not" if many == 1 else f"None of the {many} readouts is"
        yield Finding(
            code="no-readout-afterwards", severity="warning",
            text=f"{which} of the periods after its test: slow carry-over is then mistaken for a "
            "weak channel.",
        )  # fmt: skip


@once
def evidence_in(reading: Reading) -> "Evidence":
    """Give the readouts as they were measured; the fit takes them without errors in common."""
    study = reading.study
    found = readouts_of(study.panel, study.span, study.features, reading.config)
    if found is None:
        raise ValueError("the settings name no experiment")
    return found


@once
def _conflict(reading: Reading, before: Reading) -> "Conflict":
    from pymc_vibes.stats.media_calibration import find_conflict

    return find_conflict(evidence_in(reading), _expected(before, reading))


@once
def _expected(says: Reading, reading: Reading) -> "Array":
    """Give what one of the two fits says of the readouts, `(draws, readouts)`."""
    return expected_of(evidence_in(reading), says.media[0])


def _contradicting(reading: Reading, before: Reading) -> list[str]:
    p_values = _conflict(reading, before).p_value
    labels = evidence_in(reading).labels
    found = [name for name, p in zip(labels, p_values, strict=True) if p < CONFLICT_BAR]
    return list(dict.fromkeys(found))


def _reads_afterwards(reading: Reading) -> bool:
    labels = evidence_in(reading).labels
    return len(labels) > len(set(labels))


def _readouts(reading: Reading, before: Reading) -> Table:
    evidence, unit = evidence_in(reading), reading.config.sales_name
    without, after = (_expected(one, reading) for one in (before, reading))
    p_values = _conflict(reading, before).p_value
    rows: list[tuple[JsonValue, ...]] = [
        (
            name, float(evidence.lift[i]), float(evidence.sd[i]), *_numbers(before, without, i),
            *_numbers(reading, after, i), float(p_values[i]), float(evidence.weight[i]),
        )
        for i, name in enumerate(_numbered(evidence))
    ]  # fmt: skip
    return Table(
        name="experiments",
        title="What experiments measured, and what the mix expected without and with them",
        columns=(
            "experiment", "measured", "sd", "expected_without", "without_low", "without_high",
            "expected_with", "with_low", "with_high", "p_value", "weight",
        ),
        units=("", *[unit] * 8, "", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _returns(reading: Reading, before: Reading) -> Table:
    """Compare sales per money spent, or average effects where no spend is known."""
    found = _effects(reading, before)
    roas = shift_of(before.roas, reading.roas, prob=reading.config.level)
    rows: list[tuple[JsonValue, ...]] = [
        (
            name,
            *(finite(x[c]) for x in (roas.before.mean, roas.before.low, roas.before.high)),
            *(finite(x[c]) for x in (roas.after.mean, roas.after.low, roas.after.high)),
            float(found.moved[c]), float(found.narrowed[c]),
        )
        for c, name in enumerate(reading.channels)
    ]  # fmt: skip
    money = reading.config.currency or "unit of money"
    unit = f"{reading.config.sales_name} per {money}"
    return Table(
        name="calibration",
        title="Returns without the experiments and with them",
        columns=(
            "channel", "roas_without", "without_low", "without_high", "roas_with", "with_low",
            "with_high", "moved_by_sds", "width_left",
        ),
        units=("", *[unit] * 6, "", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _parameters(reading: Reading, before: Reading) -> Table:
    """Say what moved: decay, half-saturation, or the size of the effect."""
    moved = moved_of(before.media[0], reading.media[0], prob=reading.config.level)
    rows: list[tuple[JsonValue, ...]] = [
        (
            f"{name}[{channel}]", float(one.before.mean[c]), float(one.after.mean[c]),
            float(one.moved[c]), float(one.narrowed[c]),
        )
        for name, one in moved.items()
        for c, channel in enumerate(reading.channels)
    ]  # fmt: skip
    return Table(
        name="what_moved",
        title="Which parameters the experiments moved",
        columns=("parameter", "without", "with", "moved_by_sds", "width_left"),
        rows=tuple(rows),
    )


@once
def _effects(reading: Reading, before: Reading) -> "Shift":
    from pymc_vibes.kinds.marketing_mix.knowledge import average_effects

    first, second = average_effects(before), average_effects(reading)
    return shift_of(first, second, prob=reading.config.level)


def _moved_title(reading: Reading, effects: "Shift") -> str:
    most = int(abs(effects.moved).argmax())
    size, name = abs(float(effects.moved[most])), reading.channels[most]
    where = "up" if effects.moved[most] > 0 else "down"
    if size < 0.5:
        return "The experiments moved no channel by half an sd"
    return f"The experiments moved {name} most: {where} by {plain(size, 2)} sds"


def _numbered(evidence: "Evidence") -> list[str]:
    """Name readouts; the second one of a test is of the time after it."""
    seen: set[str] = set()
    names = []
    for label in evidence.labels:
        names.append(f"{label}, afterwards" if label in seen else label)
        seen.add(label)
    return names


def _rows(reading: Reading, draws: "Array") -> list[tuple[float, float, float]]:
    return [_numbers(reading, draws, i) for i in range(draws.shape[1])]


def _numbers(reading: Reading, draws: "Array", column: int) -> tuple[float, float, float]:
    low, high = reading.ends(draws[:, column])
    return float(draws[:, column].mean()), float(low), float(high)


def _bars(summary: "Summary") -> list[tuple[float, float, float]]:
    return [
        (float(m), float(low), float(high))
        for m, low, high in zip(summary.mean, summary.low, summary.high, strict=True)
    ]
