"""How controls of several entities or days become one: by what kind of number they are."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.schema import snake_case
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig, Rule
from pymc_vibes.kinds.marketing_mix.schema import CONTROL

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.stats.special import Array

_PRICE = re.compile(r"(^|_)(price|prices|asp|discount|discounts)(_|$)")


def rules_of(
    controls: Sequence[str],
    panel: "Array | None",
    config: MarketingMixConfig,
    values: "Mapping[str, Array] | None" = None,
) -> Mapping[str, Rule]:
    """Say how each control is brought to a total: as told, else by its name and its values.

    The values are those of a panel, controls last, or columns by name. Raises `BadConfig` where
    settings name a control that is not there.
    """
    given = {_standard(name): rule for name, rule in config.control_rules.items()}
    if unknown := sorted(given.keys() - set(controls)):
        raise BadConfig(
            f"There is no control {unknown[0]!r} to have a rule.",
            hint=f"The controls are: {', '.join(controls)[:500] or 'none'}.",
            fields=[{"field": "control_rules", "reason": f"{unknown[0]} is no control"}],
        )
    found: dict[str, Rule] = {}
    for place, name in enumerate(controls):
        column = panel[..., place] if panel is not None else (values or {})[name]
        usual: Rule = "mean" if config.plain_mean_controls else _usual(name, column)
        found[name] = given.get(name, usual)
    return found


def _standard(name: str) -> str:
    plain = snake_case(name)
    return plain if plain.startswith(CONTROL) else f"{CONTROL}{plain}"


def _usual(name: str, column: "Array") -> Rule:
    if _PRICE.search(name):
        return "sales-weighted"
    return "max" if is_flag(column) else "mean"


def is_flag(column: "Array") -> bool:
    """Say whether every known value is 0 or 1, and there is one."""
    known = column[is_known(column)]
    return bool(len(known)) and bool(((known == 0) | (known == 1)).all())


def is_known(values: "Array") -> "np.ndarray":
    """Say which values are not missing."""
    import numpy as np

    return ~np.isnan(values)


def combined(control: "Array", sales: "Array", present: "np.ndarray", rule: Rule) -> "Array":
    """Bring a control of all entities to one series, `(periods,)`.

    Only entities that are `present`, with sales, count; all where none is.
    """
    import numpy as np

    counts = present | ~present.any(axis=0)
    if rule == "sum":
        return np.asarray(np.where(counts, control, 0.0).sum(axis=0))
    high = np.where(counts, control, -np.inf).max(axis=0)
    if rule == "max":
        return np.asarray(high)
    # measured from the highest, so that one value, or equal ones, are their mean exactly
    off = np.where(counts, control - high, 0.0)
    mean = off.sum(axis=0) / counts.sum(axis=0)
    if rule == "sales-weighted":
        weight = np.where(counts, np.maximum(np.nan_to_num(sales), 0.0), 0.0)
        below = weight.sum(axis=0)
        mean = np.divide((weight * off).sum(axis=0), below, out=mean, where=below > 0)
    return np.asarray(high + mean)


def filled(values: "Array") -> "Array":
    """Keep the last known value of each row; before the first one that, and 0 where none is."""
    import numpy as np

    known = is_known(values)
    at = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), -1), axis=1)
    at = np.where(at < 0, known.argmax(axis=1)[:, None], at)
    return np.nan_to_num(np.take_along_axis(values, at, axis=1))
