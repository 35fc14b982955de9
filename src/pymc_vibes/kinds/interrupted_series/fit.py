"""The posterior of every person's effects, and who has too few days for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import BadConfig, EntityNotFound, InsufficientData
from pymc_vibes.core.posterior import Posterior, Variable, stream
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.interrupted_series.config import GivenScale, InterruptedConfig
from pymc_vibes.kinds.interrupted_series.data import NAMELESS
from pymc_vibes.kinds.interrupted_series.model import day_number, model_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.interrupted import Fit
    from pymc_vibes.stats.series import Series, Standard, Window
    from pymc_vibes.stats.special import Array

MOST_PEOPLE = 50
MOST_DAYS = 1830  # five years: 140 MB while the filter runs
_SLOW_BAR = 0.2


@dataclass(frozen=True)
class SeriesFits:
    """The fits of all people by label; their draws are joint over the effects of one."""

    fits: Mapping[str, "Fit"]
    window_days: int

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "Array":
        """Draw `n` values of an effect for some people, `(n, people)`."""
        import numpy as np

        labels = list(self.fits)
        return np.column_stack([self._one(name, labels[index], n, seed) for index in indices])

    def _one(self, name: str, label: str, n: int, seed: int) -> "Array":
        fit = self.fits[label]
        coefficients = fit.regression.draw(n, stream(seed, "user", label))
        row = fit.rows_of(name, self.window_days)  # type: ignore[arg-type]  # variables are effects
        return fit.standard.spread * coefficients @ row


def fit(cells: "pa.Table", config: InterruptedConfig, watch: Watch) -> Posterior:
    """Fit each person with enough days; too few for everybody is `InsufficientData`."""
    from pymc_vibes.stats.interrupted import EFFECTS
    from pymc_vibes.stats.student import stacked

    people = _people(cells, config)
    shorts: dict[str, list[int]] = {}
    fits: dict[str, Fit] = {}
    for number, (label, rows) in enumerate(people.items()):
        watch.progress(number, len(people))
        found = _fit_one(rows, config)
        if isinstance(found, list):
            shorts[label] = found
        else:
            fits[label] = found
    if not fits:
        raise _too_few(shorts, config)
    variables = tuple(
        Variable(
            name=effect,
            dim="user",
            labels=tuple(fits),
            unit=config.outcome_unit,
            distribution=stacked([f.effect(effect, config.window_days) for f in fits.values()]),
        )
        for effect in EFFECTS
    )
    return Posterior(
        method="quadrature",
        variables=variables,
        cells=cells,
        constants={"too_few": shorts},
        diagnostics=_diagnostics(fits),
        joint=SeriesFits(fits, config.window_days),
    )


def _people(cells: "pa.Table", config: InterruptedConfig) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in cells.to_pylist():
        grouped.setdefault(row["user_id"], []).append(row)
    if config.user_id is not None and config.user_id not in grouped:
        raise EntityNotFound(f"There is no user_id {config.user_id[:80]!r} in the data.")
    if len(grouped) > MOST_PEOPLE:
        raise BadConfig(
            f"The data have {len(grouped):,} people; at most {MOST_PEOPLE} are fitted at once.",
            hint="Choose one with user_id.",
            fields=[{"field": "user_id", "reason": "is open, and there are too many"}],
        )
    nameless = "all"
    while nameless in grouped:
        nameless = f"({nameless})"
    return {label if label != NAMELESS else nameless: rows for label, rows in grouped.items()}


def _fit_one(rows: list[dict[str, Any]], config: InterruptedConfig) -> "Fit | list[int]":
    """Fit one person, or give the observed days before and after where they are too few."""
    from pymc_vibes.stats.interrupted import fit_series

    series = _series(rows)
    change = _change(rows, config)
    if change is None or not len(series):
        return [len(series), 0]
    window = _window(series, change)
    before = series.between(window.first, window.change)
    phases = [len(before), len(series) - len(before)]
    if min(phases) < config.min_days:
        return phases
    return fit_series(series, window, model_of(config), _standard(before, config))


def _series(rows: list[dict[str, Any]]) -> "Series":
    import numpy as np

    from pymc_vibes.stats.series import Series

    kept = sorted((row for row in rows if row["day"] is not None), key=lambda row: row["day"])
    day = np.array([row["day"] for row in kept], "datetime64[D]").astype(int).astype(float)
    mean, count = (np.array([row[name] for row in kept], float) for name in ("mean", "count"))
    return Series(day, mean, count)


def _change(rows: list[dict[str, Any]], config: InterruptedConfig) -> float | None:
    import numpy as np

    if config.intervention_date is not None:
        return day_number(config.intervention_date)
    began = [row["day"] for row in rows if row["began"]]
    return float(np.datetime64(min(began), "D").astype(int)) if began else None


def _window(series: "Series", change: float) -> "Window":
    from pymc_vibes.stats.series import Window

    first, end = float(series.day[0]), float(series.day[-1]) + 1
    if end - first > MOST_DAYS:
        raise BadConfig(
            f"The series spans {end - first:,.0f} days; at most {MOST_DAYS:,} are fitted.",
            hint="Choose the part around the change with start and end.",
            fields=[{"field": "start", "reason": "leaves too many days"}],
        )
    return Window(first, change, end)


def _standard(before: "Series", config: InterruptedConfig) -> "Standard":
    from pymc_vibes.stats.series import Standard, standard_of

    if isinstance(config.scale, GivenScale):
        return Standard(config.scale.center, config.scale.spread, config.scale.weight)
    found = standard_of(before)
    if found is None:
        raise InsufficientData(
            f"All {len(before)} days before the change have the same value, so nothing says what "
            "would be unusual.",
            hint="Give the prior's center and spread with scale.",
        )
    return found


def _too_few(shorts: Mapping[str, list[int]], config: InterruptedConfig) -> InsufficientData:
    if not any(sum(days) for days in shorts.values()):
        return InsufficientData("There is no measurement in the window.", hint="Upload events.")
    if config.intervention_date is None and not any(after for _, after in shorts.values()):
        return InsufficientData(
            "Nothing says when the change was.",
            hint="Set intervention_date, or give rows the phase `intervention`.",
        )
    before, after = max(shorts.values(), key=min)
    return InsufficientData(
        f"Need {config.min_days} observed days before and after the change, have {before} before "
        f"and {after} after.",
        hint="20 to 30 days on each side are recommended; check the date of the change.",
        need=config.min_days, have_before=before, have_after=after,
    )  # fmt: skip


def _diagnostics(fits: Mapping[str, "Fit"]) -> Diagnostics:
    slow = {label: fit.regression.near_unit_root() for label, fit in fits.items()}
    reasons = tuple(
        f"{label}: the series hardly forgets (chance {chance:.2f} of a correlation above 0.99), so "
        "a slow drift may pass for an effect."
        for label, chance in slow.items()
        if chance > _SLOW_BAR
    )
    nodes = min(fit.regression.effective_nodes for fit in fits.values())
    return Diagnostics(
        method="quadrature",
        verdict="warning" if reasons else "good",
        reasons=reasons[:5],
        why="Coefficients and scale are integrated exactly, the two correlations by quadrature "
        f"(weight spread over {nodes:.0f} nodes at least).",
    )
