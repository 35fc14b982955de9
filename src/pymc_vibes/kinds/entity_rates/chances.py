"""Joint draws of what a window's count depends on: rates, the windows' own size, empty windows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.entity_rates.data import Counts, scaling

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Windows:
    """Draws of the expected count of some cells: arrays `(draws, cells)` and `(draws,)`."""

    mean: "np.ndarray"
    phi: "np.ndarray"
    empty: "np.ndarray"

    def __getitem__(self, some: slice) -> "Windows":
        return Windows(self.mean[some], self.phi[some], self.empty[some])

    def replicate(self, rng: "np.random.Generator") -> "np.ndarray":
        """Draw a count for every draw and cell."""
        import numpy as np

        own = rng.standard_gamma(np.broadcast_to(self.phi[:, None], self.mean.shape))
        rate = np.minimum(self.mean * own / self.phi[:, None], 1e15)
        count = rng.poisson(rate).astype(float)
        return np.where(rng.random(count.shape) < self.empty[:, None], 0.0, count)


def windows_of(
    posterior: Posterior, counts: Counts, cells: "np.ndarray", n: int, seed: int, *, fresh: bool
) -> Windows:
    """Draw the expected counts of some cells jointly.

    With `fresh` a window's drift is drawn anew from its neighbors', so that it does not follow the
    very count it is held against.
    """
    import numpy as np

    drawn = _joint(posterior, counts, np.unique(counts.who[cells]), n, seed)
    theta, places = drawn["theta"], np.unique(counts.who[cells], return_inverse=True)[1]
    mean = theta[:, places]
    if "measured exposure" in posterior.constants["extensions"]:
        mean = mean * np.nan_to_num(counts.column("exposure")[cells], nan=1.0)
    if "effect" in drawn:
        names, center, scale = scaling(counts)
        x = np.column_stack([counts.column(name)[cells] for name in names])
        mean = mean * np.exp(drawn["effect"] @ (np.nan_to_num((x - center) / scale)).T)
    if "drift" in drawn:
        mean = mean * np.exp(_drift(drawn, counts, cells, stream(seed, "drift"), fresh=fresh))
    empty = drawn.get("zero_share", np.zeros(len(mean)))
    return Windows(mean, drawn["phi"], empty)


def _joint(
    posterior: Posterior, counts: Counts, entities: "np.ndarray", n: int, seed: int
) -> "dict[str, np.ndarray]":
    """Draw every variable, rates of the given entities only; scalars are `(n,)`."""
    import numpy as np

    if posterior.samples is None:
        wanted = {v.name: list(v.labels) for v in posterior.variables if v.dim is None}
        wanted["theta"] = [counts.labels[int(entity)] for entity in entities]
        drawn = posterior.draw(n, seed, wanted)
        known = {k: v if k == "theta" else v[:, 0] for k, v in drawn.items()}
        return known | {"phi": known["noise"] ** -2}
    chains = posterior.samples["posterior"].to_dataset()
    total = chains.sizes["chain"] * chains.sizes["draw"]
    rows = np.unique(np.linspace(0, total - 1, min(n, total)).round().astype(int))
    names = [v.name for v in posterior.variables] + (["drift"] if "drift" in chains else [])
    found = {}
    for name in names:
        values = chains[name].transpose("chain", "draw", ...).to_numpy()
        found[name] = values.reshape(total, *values.shape[2:])[rows]
    return found | {"theta": found["theta"][:, entities], "phi": found["noise"] ** -2}


def _drift(
    drawn: "dict[str, np.ndarray]",
    counts: Counts,
    cells: "np.ndarray",
    rng: "np.random.Generator",
    *,
    fresh: bool,
) -> "np.ndarray":
    import numpy as np

    drift, who = drawn["drift"], counts.who[cells]
    place = np.nan_to_num(counts.column("place")[cells]).astype(int)
    keep, sd = drawn["persistence"][:, None], drawn["drift_sd"][:, None]
    if not fresh:
        return np.asarray(drift[:, who, place] - sd**2 / 2)
    last = drift.shape[2] - 1
    before, after = (
        drift[:, who, np.maximum(place - 1, 0)],
        drift[:, who, np.minimum(place + 1, last)],
    )
    sides = (place > 0).astype(float), (place < last).astype(float)
    # neighbors of a first-order process are all that a window knows of the others
    both = 1 + keep**2 * (sides[0] + sides[1] - 1)
    center = keep * (sides[0] * before + sides[1] * after) / both
    noise = sd * np.sqrt((1 - keep**2) / both)
    drawn_anew = np.where(
        sides[0] + sides[1] > 0, center + noise * rng.normal(size=center.shape),
        sd * rng.normal(size=center.shape),
    )  # fmt: skip
    return np.asarray(drawn_anew - sd**2 / 2)
