"""Test the units per variant against the planned split (sample-ratio mismatch).

A chi-square test, as in Fabijan et al. (2019), with a bar of our own: 0.001, because it is made on
every look and a false alarm stops a sound test. A variant without units, or outside the plan, takes
part in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BAR = 0.001


@dataclass(frozen=True, kw_only=True)
class Split:
    """Units per variant beside what was planned."""

    units: Mapping[str, int]
    expected: Mapping[str, float]
    """Expected units, of the same total."""
    p_value: float
    """Chance of a split at least this uneven, if the plan was carried out."""

    @property
    def broken(self) -> bool:
        """Whether the split is too uneven to be chance."""
        return self.p_value < BAR


def check_split(units: Mapping[str, int], planned: Mapping[str, float] | None) -> Split:
    """Test the counts against the planned shares, equal ones where nothing was planned."""
    from scipy.special import chdtrc

    weights = {v: 1.0 if planned is None else planned.get(v, 0.0) for v in units}
    total, whole = sum(units.values()), sum(weights.values())
    expected = {v: total * weight / whole for v, weight in weights.items()}
    if any(units[v] > 0 and expected[v] == 0 for v in units):
        return Split(units=units, expected=expected, p_value=0.0)
    tested = [v for v in units if expected[v] > 0]
    statistic = sum((units[v] - expected[v]) ** 2 / expected[v] for v in tested)
    p_value = float(chdtrc(len(tested) - 1, statistic)) if len(tested) > 1 else 1.0
    return Split(units=units, expected=expected, p_value=p_value)
