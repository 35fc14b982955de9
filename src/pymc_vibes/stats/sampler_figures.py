"""Figures that show whether a sampler can be trusted: titles say whether the chains agree."""

from typing import TYPE_CHECKING

import numpy as np

from pymc_vibes.core.figure import Figure
from pymc_vibes.stats import chart
from pymc_vibes.stats.chains import measure
from pymc_vibes.stats.diagnose import ESS_GOOD, R_HAT_GOOD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_POINTS = 250  # of each chain that are drawn
_BINS = 20  # of a rank plot: Vehtari et al. (2021) use as many
_LEVEL = 0.95


def trace_and_ranks(
    name: str, values: "Array", *, label: str, unit: str = ""
) -> tuple[Figure, Figure]:
    """Declare the trace and the rank plot of one number; `values` is `(chain, draw)`."""
    r_hats, sizes, _ = measure(values[:, :, None])
    r_hat, bulk = float(r_hats[0]), float(sizes[0])
    agree = r_hat < R_HAT_GOOD and bulk > ESS_GOOD
    finding = "agree" if agree else "do not agree well enough"
    words = f"The {len(values)} chains of {label} {finding}"
    numbers = f"R-hat is {r_hat:.3f}, the bulk effective sample size {bulk:,.0f}."
    return (
        _trace(f"{name}_trace", f"{words}: R-hat {r_hat:.3f}", numbers, values, (label, unit)),
        _ranks(f"{name}_ranks", f"{words}: ranks of the draws", numbers, values, label),
    )


def _trace(name: str, title: str, numbers: str, values: "Array", words: tuple[str, str]) -> Figure:
    label, unit = words
    chains, draws = values.shape
    step = -(-draws // _POINTS)
    x = np.arange(0, draws, step)
    return chart.lines_with_bands(
        name,
        title,
        f"{numbers} Chains that agree look alike and show no drift.",
        lines=[
            (f"chain {i + 1}", x.tolist(), values[i, ::step], None, None) for i in range(chains)
        ],
        x_label="draw",
        y_label=f"{label}, {unit}" if unit else label,
        note=f"{numbers} One draw in {step} is shown." if step > 1 else numbers,
    )


def _ranks(name: str, title: str, numbers: str, values: "Array", label: str) -> Figure:
    from scipy.stats import binom, rankdata

    chains, draws = values.shape
    ranks = rankdata(values).reshape(values.shape)
    edges = np.linspace(0.5, values.size + 0.5, _BINS + 1)
    share = (np.arange(_BINS) + 0.5) / _BINS
    expected = draws / _BINS
    ends = binom.ppf(np.array([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]), draws, 1 / _BINS)
    low, high = np.asarray(ends)
    flat = np.ones(_BINS)
    counts = [np.histogram(ranks[i], bins=edges)[0] / expected for i in range(chains)]
    band = ("expected", share.tolist(), flat, flat * low / expected, flat * high / expected)
    return chart.lines_with_bands(
        name,
        title,
        f"{numbers} Chains that agree have as many draws in every part of {label}.",
        lines=[
            band,
            *((f"chain {i + 1}", share.tolist(), counts[i], None, None) for i in range(chains)),
        ],
        x_label=f"rank of {label} among all draws, as a share",
        y_label="draws, relative to equal parts",
        level=_LEVEL,
        y_zero=True,
        note="The band holds independent draws; draws of a chain scatter a little more.",
    )
