"""The exact posterior of the variants' rates, and the facts a verdict needs beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import BadConfig, InsufficientData
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.core.run import Watch
from pymc_vibes.kinds.ab_test.config import ABTestConfig

if TYPE_CHECKING:
    import pyarrow as pa

RATE_UNIT = "conversions per unit"
MOST_VARIANTS = 100  # as many hardly happen, but a wrongly mapped column does
_USUAL_CONTROLS = ("control", "ctrl", "a", "baseline", "original")


def fit(cells: "pa.Table", config: ABTestConfig, watch: Watch) -> Posterior:
    """Update each variant's Beta prior by its counts."""
    import numpy as np

    from pymc_vibes.stats.exact import Beta

    del watch  # the update is immediate
    counted = {str(row["variant"]): row for row in cells.to_pylist()}
    variants = sorted({*counted, *(config.expected_split or {})})
    _check_number(variants)
    units = [int(counted[v]["trials"]) if v in counted else 0 for v in variants]
    conversions = [int(counted[v]["successes"]) if v in counted else 0 for v in variants]
    a, b = config.prior.shapes()
    rate = Beta(a + np.array(conversions), b + np.array(units) - np.array(conversions))
    return Posterior(
        method="exact",
        variables=(
            Variable(
                name="rate", dim="variant", labels=tuple(variants), unit=RATE_UNIT,
                distribution=rate,
            ),
        ),
        cells=cells,
        constants={
            "control": choose_control(variants, config),
            "units": units,
            "conversions": conversions,
            "shared": sum(int(row["shared"]) for row in counted.values()),
            "unnamed": sum(int(row["unnamed"]) for row in counted.values()),
        },
        diagnostics=Diagnostics(method="exact"),
    )  # fmt: skip


def choose_control(variants: Sequence[str], config: ABTestConfig) -> str:
    """Give the control's name: the configured one, else a usual one, else the first."""
    if config.control is not None:
        if config.control not in variants:
            raise BadConfig(
                f"There is no variant {config.control!r} to be the control.",
                hint=f"The variants are: {_listed(variants)}.",
                fields=[{"field": "control", "reason": "names no variant of the data"}],
            )
        return config.control
    for usual in _USUAL_CONTROLS:
        for variant in variants:
            if variant.strip().casefold() == usual:
                return variant
    return variants[0]


def is_usual_control(variant: str) -> bool:
    """Say whether a name by itself says that it is the control."""
    return variant.strip().casefold() in _USUAL_CONTROLS


def _check_number(variants: Sequence[str]) -> None:
    if len(variants) < 2:
        raise InsufficientData(
            f"An A/B test needs two variants, the data have {_listed(variants) or 'none'}.",
            hint="Upload units of both variants, or name them in expected_split.",
            need=2, have=len(variants),
        )  # fmt: skip
    if len(variants) > MOST_VARIANTS:
        raise BadConfig(
            f"The data have {len(variants):,} variants, more than the {MOST_VARIANTS} of a test.",
            hint="Is the right column taken as `variant`?",
            fields=[{"field": "variant", "reason": "too many different names"}],
        )


def _listed(variants: Sequence[str]) -> str:
    shown = ", ".join(repr(v[:60]) for v in variants[:10])
    return shown + (f" and {len(variants) - 10} more" if len(variants) > 10 else "")
