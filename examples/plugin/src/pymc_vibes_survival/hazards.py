"""Hazards as arrays: survival, slope, times and restricted means of many curves at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hazards:
    """Hazards, one per row: `rates` (rows, pieces) from `starts` on, by (t / scale)^power.

    A Weibull hazard has one piece, a piecewise one the power 1.
    """

    rates: "Array"
    starts: "Array"
    power: "Array"
    scale: float

    def survival(self, t: "Array") -> "Array":
        """Give the chance of no event up to each time, `(rows, times)`."""
        import numpy as np

        clock, starts = self._clock(t), self.starts
        lengths = np.append(np.diff(starts), np.inf)
        parts = (
            rate[:, None] * np.clip(clock - start, 0, length)
            for rate, start, length in zip(self.rates.T, starts, lengths, strict=True)
        )
        return np.asarray(np.exp(-sum(parts)))

    def slope(self, t: "Array") -> "Array":
        """Give the hazard at each time, events per unit of time, `(rows, times)`."""
        import numpy as np

        clock = self._clock(t)
        piece = np.maximum(np.searchsorted(self.starts, clock) - 1, 0)
        rate = np.take_along_axis(self.rates, piece, axis=1)
        return np.asarray(rate * self.power[:, None] * clock / t)

    def times(self, total: "Array | float") -> "Array":
        """Give the time at which each row's cumulative hazard reaches `total`, at most 1e100."""
        import numpy as np

        lengths = np.diff(self.starts)
        before = np.cumsum(self.rates[:, :-1] * lengths, axis=1)
        before = np.column_stack([np.zeros(len(before)), before])
        rest = np.broadcast_to(total, len(before))[:, None] - before
        piece = np.maximum((rest > 0).sum(axis=1) - 1, 0)[:, None]
        more = np.take_along_axis(rest / self.rates, piece, axis=1)[:, 0]
        logs = np.log(self.starts[piece[:, 0]] + more) / self.power + np.log(self.scale)
        return np.asarray(np.exp(np.minimum(logs, 230.0)))

    def restricted(self, horizon: float) -> "Array":
        """Give the mean time without the event up to a horizon, of each row."""
        import numpy as np

        t = horizon * np.linspace(0, 1, 257) ** 3  # dense at 0, where a hazard can be infinite
        return np.asarray(np.trapezoid(self.survival(t), t, axis=1))

    def _clock(self, t: "Array") -> "Array":
        import numpy as np

        with np.errstate(over="ignore"):  # an infinite clock has survival 0
            return np.asarray((t / self.scale) ** self.power[:, None])
