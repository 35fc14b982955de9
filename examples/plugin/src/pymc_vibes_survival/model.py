"""The posterior: conjugate rates, and one integral over a Weibull shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.posterior import Posterior, Variable, stream
from pymc_vibes.core.run import Watch
from pymc_vibes_survival.cells import Followed, followed
from pymc_vibes_survival.hazards import Hazards
from pymc_vibes_survival.settings import Piecewise, SurvivalConfig, Weibull
from pymc_vibes_survival.world import piece_labels

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

_COARSE = 41  # nodes while the place of the shape is searched; enough for 1 000 000 events
_NODES = 201  # of the quadrature, and places of its table of hazards per quarter
_NEGLIGIBLE = 30.0  # nodes this far below the top in log density hold less than 1e-12


@dataclass(frozen=True, eq=False)
class Lives:
    """The joint posterior: Gamma rates, given the shape of a Weibull hazard where there is one."""

    groups: tuple[str, ...]
    alpha: "Array"
    """Of the Gamma posteriors, `(groups, pieces)`."""
    beta: "Array"
    """Of the same; of a Weibull hazard at each node, `(groups, nodes)`."""
    starts: "Array"
    scale: float
    nodes: "tuple[Array, Array] | None" = None
    """Logs of the shape and the probability below them, `(groups, nodes)`."""

    @property
    def width(self) -> int:
        """Give how many numbers make one hazard."""
        return int(self.alpha.shape[1]) + (self.nodes is not None)

    def place(self, group: int, points: "Array") -> Hazards:
        """Turn uniform points `(rows, width)` into hazards of a group."""
        import numpy as np
        from scipy.special import gammaincinv

        power, beta = np.ones(len(points)), self.beta[group]
        if self.nodes is not None:
            logs, below = self.nodes[0][group], self.nodes[1][group]
            at = np.interp(points[:, -1], below, logs)
            power, beta = np.exp(at), np.exp(np.interp(at, logs, np.log(beta)))[:, None]
        alpha = self.alpha[group]
        drawn = gammaincinv(alpha, points[:, : len(alpha)])
        return Hazards(np.maximum(drawn / beta, 1e-300), self.starts, power, self.scale)

    def draw(self, name: str, indices: Sequence[int], n: int, seed: int) -> "Array":
        """Draw `n` values of some labels of one variable, shape `(n, len(indices))`."""
        import numpy as np

        columns = []
        for index in indices:
            group, piece = divmod(index, self.alpha.shape[1])
            drawn = self.place(group, stream(seed, str(group)).random((n, self.width)))
            columns.append(drawn.power if name == "shape" else drawn.rates[:, piece])
        return np.column_stack(columns)


def fit(cells: "pa.Table", config: SurvivalConfig, watch: Watch) -> Posterior:
    """Update the hazards of every group: exactly, but for the integral over a Weibull shape."""
    watch.stage("update")
    groups = followed(cells)
    events = sum(float(group.events.sum()) for group in groups.values())
    at_risk = sum(float(group.times @ group.units) for group in groups.values())
    if at_risk == 0:
        raise InsufficientData("There is no unit that was followed.", hint="Upload some.")
    if config.typical is None and events == 0:
        raise InsufficientData(
            "No event was seen, so nothing says how long one takes.",
            hint="Set typical, the time in which you expect one event of a unit.",
        )
    typical = config.typical or at_risk / events
    learn = _learn_pieces if isinstance(config.model, Piecewise) else _learn_shapes
    variables, lives, error = learn(groups, config, typical)
    method: Literal["exact", "quadrature"] = "exact" if error is None else "quadrature"
    return Posterior(
        method=method,
        variables=variables,
        cells=cells,
        constants={"typical": typical},
        diagnostics=Diagnostics(method=method, error_estimate=error),
        joint=lives,
    )


type Learned = tuple[tuple[Variable, ...], Lives, float | None]


def _learn_pieces(
    groups: Mapping[str, Followed], config: SurvivalConfig, typical: float
) -> Learned:
    import numpy as np

    from pymc_vibes.stats.exact import Gamma

    cuts = cast("Piecewise", config.model).cuts
    starts = np.array([0.0, *(_quintiles(groups) if cuts is None else cuts)])
    ends = np.append(starts[1:], np.inf)
    inside = [(g.times[:, None] > starts) & (g.times[:, None] <= ends) for g in groups.values()]
    spent = [np.clip(g.times[:, None] - starts, 0, ends - starts) for g in groups.values()]
    each = list(groups.values())
    alpha = config.weight + np.array(
        [g.events @ rows for g, rows in zip(each, inside, strict=True)]
    )
    beta = np.array([g.units @ rows for g, rows in zip(each, spent, strict=True)])
    beta += config.weight * typical
    labels = tuple(label for name in groups for label in piece_labels(name, starts[1:].tolist()))
    rate = Variable(
        name="rate",
        dim="piece",
        labels=labels,
        unit=f"events per {config.unit[:-1]}",
        distribution=Gamma(alpha.ravel(), beta.ravel()),
    )
    return (rate,), Lives(tuple(groups), alpha, beta, starts, 1.0), None


def _quintiles(groups: Mapping[str, Followed]) -> "Array":
    import numpy as np

    seen = [np.repeat(group.times, group.events.astype(int)) for group in groups.values()]
    times = np.concatenate(seen)
    if not len(times):
        return times
    cuts = np.unique(np.quantile(times, [0.2, 0.4, 0.6, 0.8], method="higher"))
    return cuts[cuts < times.max()]


def _learn_shapes(
    groups: Mapping[str, Followed], config: SurvivalConfig, typical: float
) -> Learned:
    import numpy as np

    from pymc_vibes.stats.curves import Curves

    alpha = config.weight + np.array([group.events.sum() for group in groups.values()])
    found = [_shapes(group, config, typical) for group in groups.values()]
    logs, density, beta = (np.array(part) for part in zip(*found, strict=True))
    middle = (density[:, 1:] + density[:, :-1]) / 2 * np.diff(logs)
    below = np.column_stack([np.zeros(len(logs)), np.cumsum(middle, axis=1)])
    share = density / density.sum(axis=1, keepdims=True)  # nodes are equally spaced
    shapes = _moments(np.exp(logs), np.exp(2 * logs), share)
    hazards = _moments(alpha[:, None] / beta, (alpha * (alpha + 1))[:, None] / beta**2, share)
    half = share[:, ::2] / share[:, ::2].sum(axis=1, keepdims=True)
    again = (alpha[:, None] / beta[:, ::2] * half).sum(axis=1)
    tables = [_table(*numbers) for numbers in zip(alpha, beta, share, strict=True)]
    x, y = (np.array(part) for part in zip(*tables, strict=True))
    variables = tuple(
        Variable(name=name, dim="group", labels=tuple(groups), unit="", distribution=curves)
        for name, curves in {
            "shape": Curves(np.exp(logs), density / np.exp(logs), *shapes),
            "hazard": Curves(x, y, *hazards),
        }.items()
    )
    # nodes that are left out hold as much as _NEGLIGIBLE says
    error = max(1e-12, float(np.max(np.abs(again - hazards[0]) / hazards[1])))
    nodes = logs, below / below[:, -1:]
    lives = Lives(tuple(groups), alpha[:, None], beta, np.zeros(1), typical, nodes)
    return variables, lives, error


def _moments(first: "Array", second: "Array", share: "Array") -> "tuple[Array, Array]":
    import numpy as np

    mean = (first * share).sum(axis=1)
    return mean, np.sqrt((second * share).sum(axis=1) - mean**2)


def _shapes(
    group: Followed, config: SurvivalConfig, typical: float
) -> "tuple[Array, Array, Array]":
    """Give nodes of the log of the shape, their densities and the rates of their Gammas."""
    import numpy as np

    model, clock = cast("Weibull", config.model), np.log(group.times / typical)
    events, sum_of_logs = group.events.sum(), group.events @ clock
    center, spread = np.log(model.shape_median), model.shape_log_sd
    low, high = center - 8 * spread, center + 8 * spread
    for nodes in (_COARSE, _COARSE, _COARSE, _NODES):  # each round looks closer
        logs = np.linspace(low, high, nodes)
        shapes = np.exp(logs)
        # what would overflow belongs to shapes that nothing supports
        powers = (np.exp(np.minimum(shape * clock, 600.0)) for shape in shapes)
        spent = np.array([(group.units * power).sum() for power in powers])
        beta = config.weight + spent
        heights = events * logs + shapes * sum_of_logs
        heights -= (config.weight + events) * np.log(beta) + ((logs - center) / spread) ** 2 / 2
        heights -= heights.max()
        kept = np.flatnonzero(heights > -_NEGLIGIBLE)
        low, high = logs[max(kept[0] - 1, 0)], logs[min(kept[-1] + 1, nodes - 1)]
    density = np.exp(heights)
    return logs, density / np.trapezoid(density, logs), beta


def _table(alpha: float, beta: "Array", share: "Array") -> "tuple[Array, Array]":
    """Tabulate the density of a hazard, a mixture of Gammas over the nodes of the shape."""
    import numpy as np
    from scipy.special import gammaincinv, gammaln

    known = beta[share > 1e-9]  # together less than a millionth
    low = gammaincinv(alpha, 1e-7) / known.max()
    high = gammaincinv(alpha, 1 - 1e-7) / known.min()
    x = np.geomspace(low, high, 4 * _NODES)[:, None]
    logs = alpha * np.log(beta) + (alpha - 1) * np.log(x) - beta * x - gammaln(alpha)
    return x[:, 0], np.exp(logs) @ share
