"""Where values of cells belong: in the period of their entity, together with others of it."""

from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.combining import is_known
from pymc_vibes.kinds.marketing_mix.config import Rule

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array


class Grid:
    """Puts values of cells where their entity and period are."""

    def __init__(self, who: "np.ndarray", at: "np.ndarray", entities: int, periods: int) -> None:
        self._place = who * periods + at
        self._shape = entities, periods

    def count(self, value: "Array") -> "Array":
        """Count the values that are known."""
        return self._sums(is_known(value).astype(float))

    def total(self, value: "Array") -> "Array":
        """Add up the values that are known; NaN where none is."""
        import numpy as np

        return np.where(self.count(value) > 0, self._sums(np.nan_to_num(value)), np.nan)

    def media(self, value: "Array") -> "Array":
        """Add up the values that are known; 0 where none is."""
        import numpy as np

        return self._sums(np.nan_to_num(value))

    def combined(self, value: "Array", sales: "Array", rule: Rule) -> "Array":
        """Bring the values of one period together; NaN where none is known."""
        import numpy as np

        if rule == "sum":
            return self.total(value)
        if rule == "max":
            return self._highest(value)
        plain = self._mean(value, np.ones_like(value))
        if rule != "sales-weighted":
            return plain
        weighted = self._mean(value, np.maximum(np.nan_to_num(sales), 0.0))
        return np.where(is_known(weighted), weighted, plain)

    def _highest(self, value: "Array") -> "Array":
        import numpy as np

        highest = np.full(np.prod(self._shape), -np.inf)
        np.maximum.at(highest, self._place, np.where(is_known(value), value, -np.inf))
        return np.where(np.isfinite(highest), highest, np.nan).reshape(self._shape)

    def _mean(self, value: "Array", weight: "Array") -> "Array":
        import numpy as np

        # measured from the highest, so that one value, or equal ones, are their mean exactly
        high = self._highest(value)
        weight = np.where(is_known(value), weight, 0.0)
        below = self._sums(weight)
        off = np.nan_to_num(value - high.ravel()[self._place])
        unknown = np.full(self._shape, np.nan)
        off_mean = np.divide(self._sums(off * weight), below, out=unknown, where=below > 0)
        return np.asarray(high + off_mean)

    def _sums(self, value: "Array") -> "Array":
        import numpy as np

        size = self._shape[0] * self._shape[1]
        sums = np.bincount(self._place, weights=value, minlength=size)
        return np.asarray(sums.reshape(self._shape))
