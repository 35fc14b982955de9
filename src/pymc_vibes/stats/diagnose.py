"""Whether chains can be trusted: one verdict from every parameter, with its reasons in words.

No metric stands for another. On sparse data no draw diverges while R-hat is 1.4 and E-BFMI 0.01,
so the absence of divergences is never read as convergence. R-hat and effective sample sizes are
those of `stats.chains`, E-BFMI that of Betancourt (2016), "Diagnosing suboptimal cotangent
disintegrations in Hamiltonian Monte Carlo". What is good is R-hat below 1.01 and 400 effective
draws (Vehtari et al. 2021), and E-BFMI of at least 0.3 (CmdStan's `diagnose`). The bars between a
warning and a problem are ours.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.core.answer import Diagnostics, Verdict

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Measures = Mapping[str, tuple[Array, Array, Array]]
    """R-hat, bulk ESS and tail ESS by variable, each of the variable's own shape."""

R_HAT_GOOD, R_HAT_FAIR = 1.01, 1.05
ESS_GOOD, ESS_FAIR = 400.0, 100.0
DIVERGENCES_FAIR = 10
BFMI_GOOD, BFMI_FAIR = 0.3, 0.2
DEPTH_FAIR = 0.05
_NAMED = 5  # worst parameters that are named
_SPOKEN = 3  # of them in a sentence
_SEVERITY: Mapping[Verdict, int] = {"problem": 0, "warning": 1, "good": 2}


class Fault(StrEnum):
    """A metric that is not good."""

    R_HAT = "r_hat"
    ESS = "ess"
    DIVERGENCES = "divergences"
    BFMI = "bfmi"
    DEPTH = "depth"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parameters:
    """The metrics of all numbers of all variables, side by side."""

    names: tuple[str, ...]
    starts: tuple[int, ...]
    r_hat: "Array"
    bulk: "Array"
    tail: "Array"

    def worst(self, badness: "Array", bar: float, count: int) -> list[int]:
        """Give the indices of the `count` largest above `bar`; what is no number is worst."""
        ranked = np.where(np.isnan(badness), np.inf, badness)
        order = np.argsort(-ranked, kind="stable")[:count]
        return [int(i) for i in order if ranked[i] >= bar]


@dataclass(frozen=True)
class _Ruling:
    verdict: Verdict
    reason: str


def diagnose(
    tree: "xr.DataTree", *, measures: "Measures | None" = None, why: str | None = None
) -> Diagnostics:
    """Judge chains by R-hat, effective sample sizes, divergences, E-BFMI and tree depth.

    Every number of every variable of the group `posterior` counts, except constants among the
    variables that its attribute `derived` (JSON list) names, such as the diagonal of a correlation
    matrix. `measures` saves measuring again what a sampler child has measured.
    """
    posterior = tree["posterior"].to_dataset()
    known = _measured(posterior) if measures is None else measures
    parameters, labels = _collect(posterior, known)
    stats = tree["sample_stats"].to_dataset()
    divergences = int(stats["diverging"].sum())
    bfmi = _energy(stats)
    depth = float(stats["reached_max_treedepth"].mean())
    rulings = [
        *_judge_r_hat(parameters, labels),
        *_judge_ess(parameters, labels),
        *_judge_divergences(divergences, stats["diverging"].size),
        *_judge_bfmi(bfmi),
        *_judge_depth(depth),
    ]
    rulings.sort(key=lambda ruling: _SEVERITY[ruling.verdict])
    return Diagnostics(
        method="nuts",
        verdict=rulings[0].verdict if rulings else "good",
        reasons=tuple(ruling.reason for ruling in rulings),
        why=why,
        r_hat_max=_extreme(parameters.r_hat, np.max),
        ess_bulk_min=_extreme(parameters.bulk, np.min),
        ess_tail_min=_extreme(parameters.tail, np.min),
        divergences=divergences,
        ebfmi_min=_extreme(bfmi, np.min),
        tree_depth_share=depth,
        worst=tuple(_worst_names(parameters, labels)),
    )


def faults(diagnostics: Diagnostics) -> frozenset[Fault]:
    """Name the metrics of a sampled posterior that are not good; one that is no number is not."""

    def beyond(value: float | None, *, least: float) -> bool:
        return value is None or value <= least

    found = {
        Fault.R_HAT: diagnostics.r_hat_max is None or diagnostics.r_hat_max >= R_HAT_GOOD,
        Fault.ESS: beyond(diagnostics.ess_bulk_min, least=ESS_GOOD)
        or beyond(diagnostics.ess_tail_min, least=ESS_GOOD),
        Fault.DIVERGENCES: bool(diagnostics.divergences),
        Fault.BFMI: diagnostics.ebfmi_min is None or diagnostics.ebfmi_min < BFMI_GOOD,
        Fault.DEPTH: bool(diagnostics.tree_depth_share),
    }
    return frozenset(fault for fault, holds in found.items() if holds)


def _measured(posterior: "xr.Dataset") -> "dict[str, tuple[Array, Array, Array]]":
    from pymc_vibes.stats.chains import measure

    measured = {}
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).to_numpy().astype(float)
        flat = measure(values.reshape(*values.shape[:2], -1))
        r_hat, bulk, tail = (numbers.reshape(values.shape[2:]) for numbers in flat)
        measured[str(name)] = (r_hat, bulk, tail)
    return measured


def _collect(
    posterior: "xr.Dataset", measures: "Measures"
) -> "tuple[_Parameters, Mapping[str, xr.DataArray]]":
    derived = set(json.loads(posterior.attrs.get("derived", "[]")))
    columns: list[list[Array]] = [[], [], []]
    names, starts, total = [], [], 0
    for name, numbers in measures.items():
        flat = [np.asarray(array, dtype=float).ravel() for array in numbers]
        if name in derived:
            fixed = _constants(posterior[name])
            flat = [np.where(fixed, good, array) for array, good in zip(flat, _IDLE, strict=True)]
        for column, array in zip(columns, flat, strict=True):
            column.append(array)
        names.append(name)
        starts.append(total)
        total += flat[0].size
    r_hat, bulk, tail = (np.concatenate([np.empty(0), *column]) for column in columns)
    collected = _Parameters(
        names=tuple(names), starts=tuple(starts), r_hat=r_hat, bulk=bulk, tail=tail
    )
    return collected, {str(name): array for name, array in posterior.data_vars.items()}


_IDLE = (1.0, math.inf, math.inf)  # the measures of a constant that is meant to be one


def _constants(array: "xr.DataArray") -> "NDArray[np.bool_]":
    values = array.transpose("chain", "draw", ...).to_numpy()
    return np.asarray(np.ptp(values, axis=(0, 1)) == 0).ravel()


def _energy(stats: "xr.Dataset") -> "Array":
    from pymc_vibes.stats.chains import bfmi

    return bfmi(stats["energy"].transpose("chain", "draw").to_numpy())


def _judge_r_hat(parameters: _Parameters, labels: "Mapping[str, xr.DataArray]") -> list[_Ruling]:
    worst = parameters.worst(parameters.r_hat, R_HAT_GOOD, len(parameters.r_hat))
    if not worst:
        return []
    value = parameters.r_hat[worst[0]]
    named = _spoken(parameters, labels, worst)
    advice = "Sample longer, with more adaptation, or write the model in other coordinates."
    if not math.isfinite(value):
        text = f"R-hat of {named} is no number: a chain does not move, or is not finite. {advice}"
        return [_Ruling("problem", text)]
    verdict: Verdict = "warning" if value <= R_HAT_FAIR else "problem"
    size = f"{value:.3f}" if value < 100 else f"{value:.2g}"  # chains that stand still apart
    text = f"R-hat reaches {size} (good: below {R_HAT_GOOD}) in {named}: the chains disagree."
    return [_Ruling(verdict, f"{text} {advice}")]


def _judge_ess(parameters: _Parameters, labels: "Mapping[str, xr.DataArray]") -> list[_Ruling]:
    rulings = []
    for kind, sizes, what in (
        ("bulk", parameters.bulk, "means"),
        ("tail", parameters.tail, "intervals"),
    ):
        worst = parameters.worst(-sizes, -ESS_GOOD, len(sizes))
        if not worst:
            continue
        value = sizes[worst[0]]
        verdict: Verdict = "warning" if value >= ESS_FAIR else "problem"
        size = f"{value:,.0f}" if math.isfinite(value) else "unknown"
        rulings.append(
            _Ruling(
                verdict,
                f"The {kind} effective sample size is {size} (good: above {ESS_GOOD:.0f}) in "
                f"{_spoken(parameters, labels, worst)}: {what} are uncertain by the sampling "
                "itself. Take more draws.",
            )
        )
    return rulings


def _judge_divergences(count: int, draws: int) -> list[_Ruling]:
    if count == 0:
        return []
    verdict: Verdict = "warning" if count <= DIVERGENCES_FAIR else "problem"
    verb = "draw diverged" if count == 1 else "draws diverged"
    text = (
        f"{count:,} of {draws:,} {verb}: a part of the posterior may be missing. "
        "Raise target_accept towards 0.99, with more adaptation."
    )
    return [_Ruling(verdict, text)]


def _judge_bfmi(bfmi: "Array") -> list[_Ruling]:
    least = float(np.min(np.where(np.isnan(bfmi), -np.inf, bfmi)))
    if least >= BFMI_GOOD:
        return []
    verdict: Verdict = "warning" if least >= BFMI_FAIR else "problem"
    size = f"{least:.2g}" if math.isfinite(least) else "no number"
    low = int(np.sum(~(bfmi >= BFMI_GOOD)))
    text = (
        f"E-BFMI is {size} (good: at least {BFMI_GOOD}) in {low} of {len(bfmi)} chains: the "
        "sampler explores the tails too slowly, and no divergence has to show it. Write the "
        "model in other coordinates, use a tighter prior, or collect more data per entity."
    )
    return [_Ruling(verdict, text)]


def _judge_depth(share: float) -> list[_Ruling]:
    if share == 0:
        return []
    verdict: Verdict = "warning" if share <= DEPTH_FAIR else "problem"
    text = (
        f"{share:.1%} of the draws stopped at the greatest tree depth: steps are small for the "
        "width of the posterior. Raise the depth, or scale the model's variables."
    )
    return [_Ruling(verdict, text)]


def _spoken(parameters: _Parameters, labels: "Mapping[str, xr.DataArray]", worst: list[int]) -> str:
    named = ", ".join(_name(parameters, labels, i) for i in worst[:_SPOKEN])
    more = len(worst) - _SPOKEN
    return f"{named} and {more:,} more" if more > 0 else named


def _worst_names(parameters: _Parameters, labels: "Mapping[str, xr.DataArray]") -> list[str]:
    """Name those that fail, worst first, or the one with the greatest R-hat where none does."""
    wanting = np.maximum(parameters.r_hat - 1, 0) / (R_HAT_GOOD - 1)
    least = np.minimum(parameters.bulk, parameters.tail)
    with np.errstate(divide="ignore"):
        short = ESS_GOOD / least
    badness = np.maximum(wanting, short)
    failing = parameters.worst(badness, 1.0, _NAMED)
    chosen = failing or parameters.worst(badness, -np.inf, 1)
    return [_name(parameters, labels, i) for i in chosen]


def _name(parameters: _Parameters, labels: "Mapping[str, xr.DataArray]", index: int) -> str:
    at = int(np.searchsorted(parameters.starts, index, side="right")) - 1
    name = parameters.names[at]
    array = labels[name]
    dims = [dim for dim in array.dims if dim not in ("chain", "draw")]
    if not dims:
        return name
    where = np.unravel_index(index - parameters.starts[at], [array.sizes[dim] for dim in dims])
    spots = [str(array[dim].to_numpy()[i]) for dim, i in zip(dims, where, strict=True)]
    return f"{name}[{', '.join(spots)}]"


def _extreme(values: "Array", pick: "Callable[[Array], float]") -> float | None:
    """Give the extreme, or None where any value is no number: JSON has no infinity."""
    value = float(pick(values)) if values.size else math.nan
    return value if math.isfinite(value) else None
