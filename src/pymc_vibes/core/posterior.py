"""What a fit returns: a posterior that names its method and knows its own numbers.

Exact and quadrature posteriors keep parameters, not draws: means, standard deviations and quantiles
come from the distribution itself, and draws are made on demand. Independent labels are seeded per
label, so that two cohorts never share a stream; dependent ones are drawn together (`Joint`). A
sampled posterior keeps its chains as they are.
"""

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import EntityNotFound, TooLarge

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import xarray as xr

type Method = Literal["exact", "quadrature", "nuts"]

MAX_DRAWS = 50_000
MOST_NAMES = 7  # that a hint lists
MAX_VALUES = 20_000_000  # 160 MB of doubles: more is a request for the summary, not for draws


def instead_of(name: str, known: Sequence[str]) -> str:
    """Say which names there are, those first that are near the one that is not there.

    >>> instead_of("center", ["centre", "east"]), instead_of("zz", ["A", "B"])
    ("Did you mean 'centre'?", "There are: 'A', 'B'.")
    """
    near = difflib.get_close_matches(name, known[:5000], n=3)
    if near:
        return f"Did you mean {', '.join(repr(one[:80]) for one in near)}?"
    more = f" and {len(known) - MOST_NAMES:,} more" if len(known) > MOST_NAMES else ""
    return f"There are: {', '.join(repr(one[:80]) for one in known[:MOST_NAMES])}{more}."


class Distribution(Protocol):
    """Independent one-dimensional posteriors, one per label: arrays of shape `(labels,)`."""

    def mean(self) -> "np.ndarray":
        """Give the means, shape `(labels,)`."""
        ...

    def sd(self) -> "np.ndarray":
        """Give the standard deviations, shape `(labels,)`."""
        ...

    def quantile(self, q: float) -> "np.ndarray":
        """Give the quantile of every label, shape `(labels,)`."""
        ...

    def hdi(self, mass: float) -> "tuple[np.ndarray, np.ndarray]":
        """Give the ends of the highest-density interval of every label."""
        ...

    def pdf(self, index: int, x: "np.ndarray") -> "np.ndarray":
        """Give the density of one label at `x`, same shape as `x`."""
        ...

    def sample(self, index: int, n: int, rng: "np.random.Generator") -> "np.ndarray":
        """Draw `n` independent values of one label."""
        ...

    def parameters(self) -> "Mapping[str, np.ndarray]":
        """Give the parameters by name, for example `alpha` and `beta`, shape `(labels,)` each."""
        ...


class Joint(Protocol):
    """A joint posterior whose labels depend on each other: of a hierarchy, or of a sampler."""

    def draw(self, name: str, indices: "Sequence[int]", n: int, seed: int) -> "np.ndarray":
        """Draw `n` values of some labels of one variable, shape `(n, len(indices))`.

        One seed is one set of joint draws: row `i` belongs together across variables, labels and
        calls, whatever the selection.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One named quantity over one named dimension, for example `rate[cell]` in events per day."""

    name: str
    dim: str | None
    """None for a scalar, whose one label is its name."""
    labels: tuple[str, ...]
    unit: str
    distribution: Distribution

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Map each label to its index."""
        return {label: index for index, label in enumerate(self.labels)}

    def index(self, label: str) -> int:
        """Give the index of a label, or raise `EntityNotFound` naming what there is."""
        if label not in self.positions:
            raise EntityNotFound(
                f"There is no {self.dim or self.name} {label[:80]!r} in the data.",
                hint=instead_of(label, self.labels),
            )
        return self.positions[label]


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior:
    """The joint posterior of a kind's variables, and the cells it was fitted to.

    Two posteriors are equal only if they are the same one, so that one can be a key.
    """

    method: Method
    variables: tuple[Variable, ...]
    cells: "pa.Table"
    constants: Mapping[str, Any] = field(default_factory=dict)
    """What a summary needs beside the variables: window, unit, counts; JSON-like."""
    diagnostics: Diagnostics
    joint: Joint | None = None
    """Draws of all variables together; None where labels are independent of each other."""
    samples: "xr.DataTree | None" = None
    """Of a sampler: groups `posterior`, `sample_stats`, and predictive draws where there are."""

    def __getitem__(self, name: str) -> Variable:
        return {variable.name: variable for variable in self.variables}[name]

    def draw(
        self, n: int, seed: int, select: Mapping[str, Iterable[str]] | None = None
    ) -> "dict[str, np.ndarray]":
        """Draw `n` values of each selected label: arrays `(n, labels)` by variable name.

        `select` maps a variable to the labels wanted; None means everything.
        Raises `TooLarge` beyond `MAX_DRAWS` draws or `MAX_VALUES` values, `EntityNotFound` for an
        unknown label.
        """
        import numpy as np

        wanted = {variable.name: variable.labels for variable in self.variables}
        if select is not None:
            wanted = {name: tuple(labels) for name, labels in select.items()}
        _check_size(n, sum(len(labels) for labels in wanted.values()))
        if self.joint is not None:
            return {
                name: self.joint.draw(name, [self[name].index(label) for label in labels], n, seed)
                for name, labels in wanted.items()
                if labels
            }
        return {
            name: np.column_stack([self.sample(name, label, n, seed) for label in labels])
            for name, labels in wanted.items()
            if labels
        }

    def sample(self, name: str, label: str, n: int, seed: int) -> "np.ndarray":
        """Draw `n` values of one label of one variable.

        For one seed labels are independent of each other, or drawn jointly where they depend.
        """
        variable = self[name]
        _check_size(n, 1)
        if self.joint is not None:
            return self.joint.draw(name, [variable.index(label)], n, seed)[:, 0]
        return variable.distribution.sample(variable.index(label), n, stream(seed, name, label))

    def tree(self, n: int, seed: int) -> "xr.DataTree":
        """Give the ArviZ tree: `posterior` (chain, draw, dim), `exact`, `observed_data`.

        What was sampled comes as it was sampled, with its chains and statistics, whatever `n`;
        other posteriors are drawn from and bring their own numbers in the group `exact`.
        """
        import xarray as xr

        observed = xr.Dataset(
            {
                name: ("cell", self.cells[name].to_numpy(zero_copy_only=False))
                for name in self.cells.column_names
            }
        )
        if self.samples is not None:
            groups = {name: group.to_dataset() for name, group in self.samples.children.items()}
            return xr.DataTree.from_dict({**groups, "observed_data": observed})
        draws = self.draw(n, seed)
        posterior = xr.Dataset(attrs={"inference_method": self.method, "independent_draws": 1})
        exact = xr.Dataset()
        for variable in self.variables:
            posterior[variable.name] = _drawn(variable, draws[variable.name])
            exact[variable.name] = _known(variable)
        return xr.DataTree.from_dict(
            {"posterior": posterior, "exact": exact, "observed_data": observed}
        )


def _drawn(variable: Variable, draws: "np.ndarray") -> "xr.DataArray":
    import numpy as np
    import xarray as xr

    coords = {"chain": [0], "draw": np.arange(len(draws))}
    values = draws[None, :, 0] if variable.dim is None else draws[None, :, :]
    named = {} if variable.dim is None else {variable.dim: list(variable.labels)}
    return xr.DataArray(
        values, dims=("chain", "draw", *named), coords=coords | named, attrs={"unit": variable.unit}
    )


def _known(variable: Variable) -> "xr.DataArray":
    import numpy as np
    import xarray as xr

    own = variable.distribution
    numbers = {"mean": own.mean(), "sd": own.sd()}
    numbers |= {f"q{q}": own.quantile(q) for q in (0.025, 0.25, 0.5, 0.75, 0.975)}
    stacked = np.stack(list(numbers.values()))
    named = {} if variable.dim is None else {variable.dim: list(variable.labels)}
    return xr.DataArray(
        stacked[:, 0] if variable.dim is None else stacked,
        dims=("statistic", *named),
        coords={"statistic": list(numbers), **named},
        attrs={"unit": variable.unit},
    )


def stream(seed: int, *names: str) -> "np.random.Generator":
    """Make the generator that belongs to `names` under `seed`.

    Different names give independent streams: the entropy holds a stable digest of each, because
    Python's own `hash` is salted per process.
    """
    import numpy as np

    digests = [int.from_bytes(hashlib.sha256(n.encode()).digest()[:8], "big") for n in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *digests]))


def _check_size(n: int, labels: int) -> None:
    if n > MAX_DRAWS:
        raise TooLarge(
            f"At most {MAX_DRAWS:,} draws can be had at once, {n:,} were asked for.",
            limit=MAX_DRAWS,
        )
    if n * labels > MAX_VALUES:
        raise TooLarge(
            f"{n:,} draws of {labels:,} labels are too many; ask for fewer, or name the labels.",
            limit=MAX_VALUES,
        )
