"""From cells to the study of each person: rows, window, terms, and the priors' unit."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.config import GivenScale
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.kinds.interrupted_series.cells import control_names
from pymc_vibes.kinds.interrupted_series.config import InterruptedConfig
from pymc_vibes.kinds.interrupted_series.model import day_number, model_of, window_of
from pymc_vibes.stats.series_cells import people_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from pymc_vibes.stats.series import Series, Standard, Window
    from pymc_vibes.stats.special import Array
    from pymc_vibes.stats.terms import Model

MOST_DAYS = 1830  # five years: 140 MB while the filter runs
_LAST_DIGITS = 1e-12


@dataclass(frozen=True)
class Study:
    """What one person's fit is given."""

    series: "Series"
    window: "Window"
    model: "Model"
    standard: "Standard"
    parts: tuple[int, ...]
    """Parts of the day that were seen."""
    uncontrolled: int
    """Rows that are left out for want of a control."""


@dataclass(frozen=True)
class TooFew:
    """Observed days before the change and of the change, where they are too few."""

    before: int
    after: int
    is_uncontrolled: bool = False
    """Whether no day has a number in every control."""


def studies_of(cells: "pa.Table", config: InterruptedConfig) -> "Mapping[str, Study | TooFew]":
    """Give the study of each person by label; too few days for everybody is `InsufficientData`."""
    found = {
        label: _study(rows, config) for label, rows in people_of(cells, config.user_id).items()
    }
    if not any(isinstance(study, Study) for study in found.values()):
        raise _too_few([one for one in found.values() if isinstance(one, TooFew)], config)
    return found


def _study(rows: list[dict[str, Any]], config: InterruptedConfig) -> "Study | TooFew":
    series = _series(rows, config)
    change = _change(rows, config)
    kept = series if not config.controls else series.where(_is_known(series))
    if len(series) and not len(kept):
        return TooFew(0, 0, is_uncontrolled=True)
    if change is None or not len(kept):
        return TooFew(len(series.days), 0)
    window = _window(kept, change, config)
    before = kept.between(window.first, window.change)
    phases = [len(before.days), len(kept.between(window.change, window.over).days)]
    if min(phases) < config.min_days:
        return TooFew(phases[0], phases[1])
    used, parts = _numbered(kept)
    if config.controls:
        used = _scaled(used, window, config)
    model = model_of(config, window, len(parts))
    standard = _standard(before, config)
    return Study(used, window, model, standard, tuple(parts), len(series) - len(kept))


def _series(rows: list[dict[str, Any]], config: InterruptedConfig) -> "Series":
    import numpy as np

    from pymc_vibes.stats.series import Series

    kept = [row for row in rows if row["day"] is not None]
    kept.sort(key=lambda row: (row["day"], row["part"]))
    day = np.array([row["day"] for row in kept], "datetime64[D]").astype(int).astype(float)
    controls = [np.array([row[name] for row in kept], float) for name in control_names(config)]
    others = np.column_stack(controls) if controls else None
    mean, count = _rates(kept) if config.outcome_type == "count" else _means(kept)
    return Series(day, mean, count, np.array([row["part"] for row in kept], float), others)


def _means(rows: list[dict[str, Any]]) -> "tuple[Array, Array]":
    import numpy as np

    return tuple(np.array([row[name] for row in rows], float) for name in ("mean", "count"))  # type: ignore[return-value]  # two of them


def _rates(rows: list[dict[str, Any]]) -> "tuple[Array, Array]":
    """Give each day's rate and exposure; a day without exposure is one day."""
    import numpy as np

    found = np.array([row["total"] for row in rows], float)
    total = np.round(found)
    # a decimal of the database becomes a float that may be off in its last digit
    wrong = (total < 0) | (np.abs(found - total) > _LAST_DIGITS * np.maximum(total, 1))
    bad = [row["day"] for row, is_wrong in zip(rows, wrong, strict=True) if is_wrong]
    if bad:
        raise BadConfig(
            f"The outcome is no count: on {bad[0].isoformat()} it adds up to what is no whole "
            "number from 0 on.",
            hint="Set outcome_type to number, or correct the rows.",
            fields=[{"field": "outcome_type", "reason": "the outcome is no count"}],
        )
    exposure = np.array([row["exposure"] or 1.0 for row in rows], float)
    return total / exposure, exposure


def _is_known(series: "Series") -> "NDArray[np.bool_]":
    import numpy as np

    return np.isfinite(series.controls).all(axis=1)  # type: ignore[arg-type]  # there are some


def _numbered(series: "Series") -> "tuple[Series, list[int]]":
    """Count the parts of the day that were seen from 0; a single one is none."""
    import numpy as np

    part = np.zeros(len(series)) if series.part is None else series.part
    seen = np.unique(part)
    at = np.searchsorted(seen, part).astype(float)
    return replace(series, part=at if len(seen) > 1 else None), seen.astype(int).tolist()


def _scaled(series: "Series", window: "Window", config: InterruptedConfig) -> "Series":
    """Count controls in sds of the days before, from their means."""
    import numpy as np

    assert series.controls is not None  # noqa: S101  # there are some
    before = series.controls[series.day < window.change]
    center, spread = before.mean(axis=0), before.std(axis=0)
    still = np.flatnonzero(spread <= 1e-9 * np.maximum(np.abs(center), 1e-300))
    if len(still):
        name = config.controls[int(still[0])]
        raise InsufficientData(
            f"The control {name[:80]!r} never varies before the change, so nothing says what it "
            "does.",
            hint="Leave it out of controls.",
        )
    return replace(series, controls=(series.controls - center) / spread)


def _change(rows: list[dict[str, Any]], config: InterruptedConfig) -> float | None:
    import numpy as np

    if config.intervention_date is not None:
        return day_number(config.intervention_date)
    began = [row["day"] for row in rows if row["began"]]
    return float(np.datetime64(min(began), "D").astype(int)) if began else None


def _window(series: "Series", change: float, config: InterruptedConfig) -> "Window":
    first, end = float(series.day[0]), float(series.day[-1]) + 1
    if end - first > MOST_DAYS:
        raise BadConfig(
            f"The series spans {end - first:,.0f} days; at most {MOST_DAYS:,} are fitted.",
            hint="Choose the part around the change with start and end.",
            fields=[{"field": "start", "reason": "leaves too many days"}],
        )
    return window_of(config, first, change, end)


def _standard(before: "Series", config: InterruptedConfig) -> "Standard":
    from pymc_vibes.stats.series import Standard, standard_of

    if config.outcome_type == "count":
        return _usual_rate(before, config)
    if isinstance(config.scale, GivenScale):
        return Standard(config.scale.center, config.scale.spread, config.scale.weight)
    found = standard_of(before)
    if found is None:
        raise InsufficientData(
            f"All {len(before.days)} days before the change have the same value, so nothing says "
            "what would be unusual.",
            hint="Give the prior's center and spread with scale.",
        )
    return found


def _usual_rate(before: "Series", config: InterruptedConfig) -> "Standard":
    """Give the rate around which logs are centered: half an event where none was seen."""
    from pymc_vibes.stats.series import Standard

    if isinstance(config.scale, GivenScale) and config.scale.center > 0:
        return Standard(config.scale.center, 1.0)
    total = float((before.mean * before.count).sum())
    return Standard(max(total, 0.5) / float(before.count.sum()), 1.0)


def _too_few(shorts: list[TooFew], config: InterruptedConfig) -> InsufficientData:
    if any(short.is_uncontrolled for short in shorts):
        return InsufficientData(
            "No day has a number in every control.",
            hint="Leave out of controls what is text or empty, or mend the rows.",
        )
    if not any(short.before + short.after for short in shorts):
        return _nothing_measured(config)
    if config.intervention_date is None and not any(short.after for short in shorts):
        return InsufficientData(
            "Nothing says when the change was.",
            hint="Set intervention_date, or give rows the phase `intervention`.",
        )
    least = max(shorts, key=lambda short: min(short.before, short.after))
    return InsufficientData(
        f"Need {config.min_days} observed days before and after the change, have {least.before} "
        f"before and {least.after} after.",
        hint="20 to 30 days on each side are recommended; check the date of the change.",
        need=config.min_days, have_before=least.before, have_after=least.after,
    )  # fmt: skip


def _nothing_measured(config: InterruptedConfig) -> InsufficientData:
    if config.outcome_column == "outcome":
        return InsufficientData("There is no measurement in the window.", hint="Upload events.")
    return InsufficientData(
        f"No row of the window has a number in the column {config.outcome_column!r}.",
        hint="Name a column of numbers as outcome_column, or upload events.",
    )
