"""The posterior of every person's trial, and who has too few days for one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.config import GivenScale
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.n_of_1.config import WASHOUT, NOf1Config
from pymc_vibes.kinds.n_of_1.model import model_of, treatments_of
from pymc_vibes.kinds.n_of_1.people import FOCUS, fits_of, variables
from pymc_vibes.stats.series_cells import people_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.stats.series import Standard
    from pymc_vibes.stats.trial import TrialFit
    from pymc_vibes.stats.trial_days import Trial

MOST_DAYS = 1830  # five years: 140 MB while the filter runs
MOST_TREATMENTS = 9
_SLOW_BAR = 0.2


def fit(cells: "pa.Table", config: NOf1Config, watch: Watch) -> Posterior:
    """Fit each person with enough days; too few for everybody is `InsufficientData`."""
    people = people_of(cells, config.user_id)
    treatments = _treatments(cells, config)
    shorts: dict[str, list[int]] = {}
    fits: dict[str, TrialFit] = {}
    for number, (label, rows) in enumerate(people.items()):
        watch.progress(number, len(people))
        found = _fit_one(rows, treatments, config)
        if isinstance(found, list):
            shorts[label] = found
        else:
            fits[label] = found
    if not fits:
        raise _too_few(shorts, treatments, config)
    together = fits_of(fits, treatments, config)
    return Posterior(
        method="quadrature",
        variables=variables(together, config.outcome_unit),
        cells=cells,
        constants={"too_few": shorts},
        diagnostics=_diagnostics(fits),
        joint=together,
    )


def _treatments(cells: "pa.Table", config: NOf1Config) -> tuple[str, ...]:
    names = [name for name in cells["treatment"].unique().to_pylist() if name is not None]
    found = treatments_of(names, config)
    if len(found) > MOST_TREATMENTS:
        raise BadConfig(
            f"The data have {len(found):,} treatments; at most {MOST_TREATMENTS} are compared.",
            hint="Choose the part of the trial with start and end.",
            fields=[{"field": "start", "reason": "leaves too many treatments"}],
        )
    return found


def _fit_one(
    rows: list[dict[str, Any]], treatments: tuple[str, ...], config: NOf1Config
) -> "TrialFit | list[int]":
    """Fit one person, or give the days under comparator and treatment where they are too few."""
    from pymc_vibes.stats.trial import fit_trial

    trial = _trial(rows, treatments, config)
    if trial is None:
        return [0, 0]
    if config.correlation == "ar1" and trial.has_shared_days:
        raise BadConfig(
            "There are days with two treatments, which a state without noise cannot tell apart.",
            hint="Choose another correlation, such as ar1-white.",
            fields=[{"field": "correlation", "reason": "allows one treatment a day only"}],
        )
    days = [trial.observed_days(k) for k in (0, FOCUS)]
    if min(days) < config.min_days:
        return days
    return fit_trial(trial, model_of(config), _standard(trial, treatments[0], config))


def _trial(
    rows: list[dict[str, Any]], treatments: tuple[str, ...], config: NOf1Config
) -> "Trial | None":
    import numpy as np

    from pymc_vibes.stats.series import Series
    from pymc_vibes.stats.trial_days import WASHED, Trial

    numbered = {name: number for number, name in enumerate(treatments)}
    kept = [row for row in rows if row["day"] is not None]
    kept.sort(key=lambda row: (row["day"], row["treatment"]))
    if not kept:
        return None
    day = np.array([row["day"] for row in kept], "datetime64[D]").astype(int).astype(float)
    if day[-1] - day[0] >= MOST_DAYS:
        raise BadConfig(
            f"The trial spans {day[-1] - day[0] + 1:,.0f} days; at most {MOST_DAYS:,} are fitted.",
            hint="Choose a part of it with start and end.",
            fields=[{"field": "start", "reason": "leaves too many days"}],
        )
    mean, count = (np.array([row[name] for row in kept], float) for name in ("mean", "count"))
    given = [
        WASHED if row["treatment"].lower() == WASHOUT else numbered[row["treatment"]]
        for row in kept
    ]
    return Trial(Series(day, mean, count), np.array(given), len(treatments), config.washout_days)


def _standard(trial: "Trial", comparator: str, config: NOf1Config) -> "Standard":
    from pymc_vibes.stats.series import Standard, standard_of

    if isinstance(config.scale, GivenScale):
        return Standard(config.scale.center, config.scale.spread, config.scale.weight)
    found = standard_of(trial.series.where(trial.kept & (trial.treatment == 0)))
    if found is None:
        raise InsufficientData(
            f"All days under {comparator[:60]!r} have the same value, so nothing says what would "
            "be unusual.",
            hint="Give the prior's center and spread with scale.",
        )
    return found


def _too_few(
    shorts: Mapping[str, list[int]], treatments: tuple[str, ...], config: NOf1Config
) -> InsufficientData:
    comparator, treatment = max(shorts.values(), key=min)
    return InsufficientData(
        f"Need {config.min_days} observed days under each treatment, have {comparator} under "
        f"{treatments[0][:60]!r} and {treatment} under {treatments[FOCUS][:60]!r}.",
        hint="Days of wash-out do not count; 20 or more under each are recommended.",
        need=config.min_days, have_comparator=comparator, have_treatment=treatment,
    )  # fmt: skip


def _diagnostics(fits: Mapping[str, "TrialFit"]) -> Diagnostics:
    slow = {label: fit.near_unit_root() for label, fit in fits.items()}
    reasons = tuple(
        f"{label}: the series hardly forgets (chance {chance:.2f} of a correlation above 0.99), so "
        "a slow drift may pass for an effect."
        for label, chance in slow.items()
        if chance > _SLOW_BAR
    )
    nodes = min(fit.effective_nodes for fit in fits.values())
    together = "; mean and spread of people by quadrature" if len(fits) > 1 else ""
    return Diagnostics(
        method="quadrature",
        verdict="warning" if reasons else "good",
        reasons=reasons[:5],
        why="Coefficients and scale are integrated exactly, correlations and half-life by "
        f"quadrature (weight spread over {nodes:.0f} nodes at least){together}.",
    )
