"""Posteriors that are chains of a sampler: their numbers, their curves, their storage.

`Draws` answers what every distribution answers, with the error that its numbers carry (`mcse`).
Rows of the chains belong together, so joint draws are rows. A stored posterior is a DataTree of
arrays and JSON, never a pickle: it can be read by ArviZ, and reading it runs nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.posterior import Posterior, Variable, stream

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr
    from numpy.typing import NDArray

    from pymc_vibes.stats.nuts.model import Sampled

    type Array = NDArray[np.float64]

type Support = Literal["real", "positive", "unit"]

_BOUNDS: Mapping[Support, tuple[float, float]] = {
    "real": (-np.inf, np.inf),
    "positive": (0.0, np.inf),
    "unit": (0.0, 1.0),
}
_ATTRIBUTE = "pymc_vibes"
_LEAST_CHAINS = 2  # a sampler's are never fewer; one "chain" is draws of another making
_LEAST_DRAWS = 20  # of a chain; of fewer, autocorrelation is not to be told


@dataclass(frozen=True, eq=False)
class Draws:
    """Posteriors of some labels from chains: `values` has the shape `(chain, draw, label)`."""

    values: "Array"
    support: Support = "real"

    def __len__(self) -> int:
        return int(self.values.shape[2])

    @property
    def is_chained(self) -> bool:
        """Whether these are a sampler's chains, long enough to tell the error of their means."""
        chains, draws, _ = self.values.shape
        return bool(chains >= _LEAST_CHAINS and draws >= _LEAST_DRAWS)

    @cached_property
    def rows(self) -> "Array":
        """Give all draws of all chains below each other, shape `(draws, labels)`."""
        return self.values.reshape(-1, self.values.shape[2])

    @cached_property
    def ordered(self) -> "Array":
        """Give the draws of each label in ascending order, shape `(labels, draws)`."""
        return np.sort(self.rows.T, axis=1)

    def take(self, indices: "Sequence[int] | NDArray[np.intp]") -> "Draws":
        """Give the posteriors of some labels, in that order."""
        return Draws(self.values[:, :, np.asarray(indices, dtype=int)], self.support)

    def parameters(self) -> Mapping[str, "Array"]:
        """Give `mean`, `sd` and `mcse`: chains have no parameters."""
        return {"mean": self.mean(), "sd": self.sd(), "mcse": self.mcse()}

    def mean(self) -> "Array":
        """Give the means."""
        return np.asarray(self.rows.mean(axis=0))

    def sd(self) -> "Array":
        """Give the standard deviations."""
        return np.asarray(self.rows.std(axis=0, ddof=1))

    def mcse(self) -> "Array":
        """Give the Monte Carlo standard error of each mean."""
        from pymc_vibes.stats.chains import mcse_mean

        return mcse_mean(self.values)

    def quantile(self, q: float) -> "Array":
        """Give the quantile of every label."""
        return np.asarray(np.quantile(self.ordered, q, axis=1))

    def hdi(self, mass: float) -> "tuple[Array, Array]":
        """Give the ends of the shortest interval that holds `mass` of the draws."""
        draws = self.ordered.shape[1]
        held = min(max(int(np.ceil(mass * draws)), 2), draws)
        widths = self.ordered[:, held - 1 :] - self.ordered[:, : draws - held + 1]
        start = widths.argmin(axis=1)
        row = np.arange(len(self))
        return self.ordered[row, start], self.ordered[row, start + held - 1]

    def cdf(self, index: int, x: "Array | float") -> "Array":
        """Give the share of the draws of one label that are at most `x`."""
        below = np.searchsorted(self.ordered[index], x, side="right")
        return np.asarray(below / self.ordered.shape[1])

    def above(self, x: "Array | float") -> "Array":
        """Give the chance that each label is above `x` (one number, or one per label)."""
        return np.asarray((self.rows > np.asarray(x)).mean(axis=0))

    def pdf(self, index: int, x: "Array") -> "Array":
        """Estimate the density of one label at `x`, zero outside of its support."""
        from pymc_vibes.stats.kernel import density, kernel_width

        draws, points = self.ordered[index], np.asarray(x, dtype=float)
        low, high = _BOUNDS[self.support]
        ends = [bound for bound in (low, high) if np.isfinite(bound)]
        heights = density(draws, points, width=kernel_width(draws), bounds=ends)
        return np.where((points >= low) & (points <= high), heights, 0.0)

    def sample(self, index: int, n: int, rng: "np.random.Generator") -> "Array":
        """Draw `n` values of one label from its chains."""
        return np.asarray(self.rows[_rows(n, len(self.rows), rng), index])


def _rows(n: int, total: int, rng: "np.random.Generator") -> "NDArray[np.intp]":
    """Choose rows: each at most once while there are enough."""
    if n <= total:
        return rng.permutation(total)[:n]
    return rng.integers(total, size=n)


@dataclass(frozen=True, eq=False)
class Rows:
    """Joint draws: rows of the chains, the same for every variable and label."""

    distributions: Mapping[str, Draws]

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "Array":
        """Draw `n` values of some labels of one variable, shape `(n, len(indices))`."""
        rows = self.distributions[name].rows
        chosen = _rows(n, len(rows), stream(seed, "rows"))
        return np.asarray(rows[np.ix_(chosen, list(indices))])


def sampled_posterior(
    sampled: "Sampled",
    *,
    cells: "pa.Table",
    constants: Mapping[str, Any],
    units: Mapping[str, str],
    supports: Mapping[str, Support] | None = None,
) -> Posterior:
    """Make the posterior of a sampled fit; its variables are those of `units`, in that order.

    A variable has no dimension, or one. What is not in `units` stays in the chains and is no
    variable. Where `supports` does not say, a variable whose draws are nowhere negative is
    positive, and one that has negative draws is real.
    """
    return _posterior(
        sampled.tree, sampled.diagnostics, cells, constants, units, dict(supports or {})
    )


def _posterior(
    tree: "xr.DataTree",
    diagnostics: Diagnostics,
    cells: "pa.Table",
    constants: Mapping[str, Any],
    units: Mapping[str, str],
    supports: Mapping[str, Support],
) -> Posterior:
    import xarray as xr

    chains = tree["posterior"].to_dataset().copy()
    for name, unit in units.items():
        chains[name].attrs["unit"] = unit
    variables = tuple(
        _variable(chains[name], name, unit, supports.get(name)) for name, unit in units.items()
    )
    joint = Rows({v.name: v.distribution for v in variables if isinstance(v.distribution, Draws)})
    groups = {name: group.to_dataset() for name, group in tree.children.items()}
    return Posterior(
        method="nuts",
        variables=variables,
        cells=cells,
        constants=constants,
        diagnostics=diagnostics,
        joint=joint,
        samples=xr.DataTree.from_dict({**groups, "posterior": chains}),
    )


def _variable(array: "xr.DataArray", name: str, unit: str, support: Support | None) -> Variable:
    dims = [str(dim) for dim in array.dims if dim not in ("chain", "draw")]
    ordered = array.transpose("chain", "draw", ...).to_numpy().astype(float)
    values = ordered.reshape(*ordered.shape[:2], -1)
    dim = dims[0] if dims else None
    labels = (name,) if dim is None else tuple(str(label) for label in array[dim].to_numpy())
    fallback: Support = "positive" if values.min(initial=0.0) >= 0 else "real"
    return Variable(
        name=name,
        dim=dim,
        labels=labels,
        unit=unit,
        distribution=Draws(values, support or fallback),
    )


def with_groups(posterior: Posterior, groups: "Mapping[str, xr.Dataset]") -> Posterior:
    """Give the same posterior with further groups in its tree, such as predictive draws."""
    import xarray as xr

    if posterior.samples is None:
        raise ValueError("Only a sampled posterior has a tree of its own.")
    known = {name: group.to_dataset() for name, group in posterior.samples.children.items()}
    return replace(posterior, samples=xr.DataTree.from_dict({**known, **groups}))


def to_tree(posterior: Posterior) -> "xr.DataTree":
    """Give a sampled posterior as a tree that NetCDF can hold; its cells are kept elsewhere."""
    import xarray as xr

    if posterior.samples is None:
        raise ValueError("Only a sampled posterior has chains to store.")
    kept = {
        "diagnostics": posterior.diagnostics.model_dump(mode="json"),
        "constants": dict(posterior.constants),
        "units": {variable.name: variable.unit for variable in posterior.variables},
        "supports": {
            variable.name: variable.distribution.support
            for variable in posterior.variables
            if isinstance(variable.distribution, Draws)
        },
    }
    groups = {name: group.to_dataset() for name, group in posterior.samples.children.items()}
    root = xr.Dataset(attrs={_ATTRIBUTE: json.dumps(kept)})
    return xr.DataTree.from_dict({"/": root, **groups})


def from_tree(tree: "xr.DataTree", cells: "pa.Table") -> Posterior:
    """Restore a posterior from the tree that `to_tree` made, and the cells it was fitted to."""
    import xarray as xr

    kept = json.loads(tree.attrs[_ATTRIBUTE])
    groups = {name: group.to_dataset().load() for name, group in tree.children.items()}
    return _posterior(
        xr.DataTree.from_dict(groups),
        Diagnostics.model_validate(kept["diagnostics"]),
        cells,
        kept["constants"],
        kept["units"],
        kept["supports"],
    )
