"""Unusual windows: how far out each count is, on a scale that is the same for every entity.

The surprise of a window is the chance of a count as far out on either side (twice the smaller
mid-p tail), given the entity's *other* windows. Over all windows of a model that is right these
chances are spread evenly, so that of N windows about N p are at least as far out as one of chance
p. All windows are screened with a matched negative binomial; the furthest out are worked out:
averaged over everything known of the population where nothing else is in the model, else over
draws.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Finding, Table
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.entity_rates.chances import windows_of
from pymc_vibes.kinds.entity_rates.reading import Entities, entities_of
from pymc_vibes.kinds.entity_rates.tails import tails

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.kinds.entity_rates.data import Counts
    from pymc_vibes.stats.entity_predictive import Chances

WORKED_OUT = 250
LISTED = 0.01
RARE = 0.001
_ROWS = 200
_DRAWS = 1000
_NEW = 20  # rates of a new entity for every draw of the population


@dataclass(frozen=True, eq=False)
class Surprises:
    """The cells furthest out, most surprising first; arrays align."""

    cell: "np.ndarray"
    chance: "np.ndarray"
    """Two-sided."""
    expected: "np.ndarray"
    is_high: "np.ndarray"
    windows: "np.ndarray"
    total: int
    """Windows of all entities."""
    screened: int
    """Further windows beyond one in a thousand, by the screening alone."""

    @property
    def rare(self) -> int:
        """Count the windows further out than one in a thousand is."""
        return int(self.windows[self.chance < RARE].sum()) + self.screened


def surprises(entities: Entities) -> Surprises:
    """Work out the windows that are furthest out."""
    return _surprises(entities.posterior, entities.seed)


@lru_cache(maxsize=16)
def _surprises(posterior: Posterior, seed: int) -> Surprises:
    import numpy as np

    entities = entities_of(posterior, seed)
    counts = entities.counts
    known = np.flatnonzero(counts.windows > 0)
    screen = _screen(entities)
    ordered = known[np.argsort(screen[known], kind="stable")]
    first, rest = ordered[:WORKED_OUT], ordered[WORKED_OUT:]
    found = _worked_out(entities, first)
    chance = np.clip(found.two_sided, 1e-15, 1.0)
    order = np.argsort(chance, kind="stable")
    return Surprises(
        cell=first[order],
        chance=chance[order],
        expected=found.mean[order],
        is_high=(found.middle > 0.5)[order],
        windows=counts.windows[first][order],
        total=int(counts.windows.sum()),
        screened=int(counts.windows[rest[screen[rest] < RARE]].sum()),
    )


def _screen(entities: Entities) -> "np.ndarray":
    """Give a quick two-sided chance of every cell: all uncertainty in one negative binomial."""
    import numpy as np

    counts, phi = entities.counts, float(np.median(entities.scalars["phi"]))
    if entities.posterior.constants["extensions"]:
        return _matched(counts.count, *_moments(entities), phi)
    first, alike = _alike(counts)
    y, who = counts.count[first], counts.who[first]
    mu, alpha = (float(np.median(entities.scalars[name])) for name in ("mu", "alpha"))
    left = np.maximum(counts.observed[who] - 1, 0)
    within = (mu + mu**2 / phi) / np.maximum(left, 1e-9)
    between = mu / alpha
    weight = np.where(left > 0, between / (between + within), 0.0)
    mean = mu + weight * ((counts.total[who] - y) / np.maximum(left, 1) - mu)
    chance = _matched(y, mean, (1 - weight) * between, 0.0, phi)
    return np.asarray(chance[alike])


def _alike(counts: "Counts") -> "tuple[np.ndarray, np.ndarray]":
    """Find cells that stand for all with the same count and data, and which of them each has.

    Of three million windows a few ten thousand differ in that.
    """
    import numpy as np

    pair = np.unique(counts.total + 1j * counts.observed, return_inverse=True)[1]
    value = np.unique(counts.count, return_inverse=True)[1]
    key = pair[counts.who] * (int(value.max(initial=0)) + 1) + value
    _, first, alike = np.unique(key, return_index=True, return_inverse=True)
    return first, alike


def _matched(
    y: "np.ndarray", mean: "np.ndarray", variance: "np.ndarray", empty: float, phi: float
) -> "np.ndarray":
    """Give two-sided chances by the negative binomial with the moments of the windows' means."""
    import numpy as np

    mean = np.maximum(mean, 1e-12)
    size = np.maximum(mean**2 / (mean**2 / phi + variance), 1e-9)
    return tails(y, mean[None], size[None], empty).two_sided


def _moments(entities: Entities) -> "tuple[np.ndarray, np.ndarray, float]":
    import numpy as np

    counts = entities.counts
    cells = np.arange(counts.cells.num_rows)
    drawn = windows_of(entities.posterior, counts, cells, 32, entities.seed, fresh=True)
    return drawn.mean.mean(axis=0), drawn.mean.var(axis=0), float(drawn.empty.mean())


def _worked_out(entities: Entities, cells: "np.ndarray") -> "Chances":
    from pymc_vibes.stats.entity_predictive import predictive

    counts = entities.counts
    y, who = counts.count[cells], counts.who[cells]
    if not entities.posterior.constants["extensions"]:
        others = counts.total[who] - y, counts.observed[who] - 1
        return predictive(entities.population, *others, y)
    drawn = windows_of(entities.posterior, counts, cells, _DRAWS, entities.seed, fresh=True)
    # a drift that is drawn anew has not seen the count
    left_out = not entities.has("drift_sd")
    return tails(y, drawn.mean, drawn.phi[:, None], drawn.empty[:, None], left_out=left_out)


def surprise_table(entities: Entities, found: Surprises) -> tuple[Table, ...]:
    """List the windows that are far out, the first 200 of them; no table where there are none."""
    counts = entities.counts
    far = [i for i in range(len(found.cell)) if found.chance[i] < LISTED]
    if not far:
        return ()
    cells = counts.cells.take(found.cell[far[:_ROWS]]).to_pylist()
    rows = tuple(
        (
            cell["entity"],
            window_text(cell["at"], is_time=bool(cell["clock"])),
            int(found.windows[i]),
            cell["count"],
            float(found.expected[i]),
            "high" if found.is_high[i] else "low",
            float(found.chance[i]),
            float(found.chance[i] * found.total),
        )
        for i, cell in zip(far, cells, strict=False)
    )
    table = Table(
        name="unusual",
        title="Unusual windows, most surprising first",
        columns=(
            "entity", "first window", "windows", "count", "expected", "side", "chance",
            "expected by chance",
        ),
        units=("", "", "", "events", "events", "", "", "windows"),
        rows=rows,
        total=len(far),
    )  # fmt: skip
    return (table,)


def surprise_findings(found: Surprises) -> tuple[Finding, ...]:
    """Say how many windows are further out than one in a thousand, and how many chance gives."""
    from pymc_vibes.stats.describe import plain

    by_chance = found.total * RARE
    roughly = "About " if found.screened else ""
    have = "has" if found.rare == 1 else "have"
    many = found.rare > by_chance + 3 * by_chance**0.5 + 1
    return (
        Finding(
            code="unusual-windows" if many else "usual-windows",
            severity="warning" if many else "note",
            text=f"{roughly}{found.rare:,} of {found.total:,} windows {have} a count further out "
            f"than one in a thousand is; chance alone makes up to about {plain(by_chance)}.",
        ),
    )


def window_text(at: int | None, *, is_time: bool) -> str:
    """Write a window: its beginning, or its number.

    >>> window_text(1_704_067_200_000_000, is_time=True), window_text(7, is_time=False)
    ('2024-01-01', '7')
    """
    if at is None:
        return ""
    if not is_time:
        return str(at)
    from pymc_vibes.core.instant import show

    return show(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at))


def next_window(entities: Entities, index: int | None, count: int) -> "Chances":
    """Give the chances of a count in the next window of an entity, or of a new one."""
    import numpy as np

    from pymc_vibes.stats.entity_predictive import predictive

    counts, y = entities.counts, np.array([float(count)])
    if not entities.posterior.constants["extensions"]:
        total, windows = (
            np.zeros(1) if index is None else known[[index]]
            for known in (counts.total, counts.observed)
        )
        return predictive(entities.population, total, windows, y)
    rng = stream(entities.seed, "next window")
    each = _NEW if index is None else 1
    drawn = {name: np.repeat(values, each) for name, values in entities.scalars.items()}
    n = len(drawn["phi"])
    if index is None:
        theta = rng.gamma(drawn["mu"] * drawn["alpha"]) / drawn["alpha"]
    else:
        theta = entities.draws([index], n)[:, 0]
    sd = drawn.get("drift_sd", np.zeros(n))
    mean = theta * np.exp(rng.normal(size=n) * sd - sd**2 / 2)
    empty = drawn.get("zero_share", np.zeros(n))
    return tails(y, mean[:, None], drawn["phi"][:, None], empty[:, None])
