"""Events and settings of an A/B test."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.records import Record
from pymc_vibes.core.schema import Column, Schema
from pymc_vibes.stats.prior import BetaMean, BetaPrior, BetaShape

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp", type="instant", role="time", aliases=("ts", "time", "date"),
            about="When the unit was seen; needed only for a window.",
        ),
        Column(
            name="variant", type="string", role="entity", required=True,
            aliases=("group", "arm", "variation", "bucket"),
            about="The variant the unit was given: the control or a treatment.",
        ),
        Column(
            name="unit_id", type="string", role="unit", aliases=("user_id", "unit", "user"),
            about="Who was given the variant. Rows of one unit count once: it converted if any "
            "of them did. Without it, every row is a unit of its own.",
        ),
        Column(
            name="converted", type="boolean", role="outcome",
            aliases=("conversion", "outcome", "success"),
            about="Whether the unit converted.",
        ),
        Column(
            name="trials", type="integer", role="count", low=0, high=1e12, unit="units",
            aliases=("n",), about="Units in this row, where data arrive aggregated.",
        ),
        Column(
            name="successes", type="integer", role="count", low=0, high=1e12, unit="conversions",
            aliases=("conversions",), about="How many of the row's trials converted.",
        ),
        Column(
            name="value", type="number", role="outcome", aliases=("revenue",),
            about="A continuous metric of the unit. Kept with the data, not analyzed yet.",
        ),
        Column(
            name="pre_value", type="number", role="covariate",
            about="The same metric before the test. Kept with the data, not analyzed yet.",
        ),
    ),
    one_of=(("converted",), ("trials", "successes")),
    at_most=(("successes", "trials"),),
)  # fmt: skip


class AbsoluteRope(Record):
    """Differences of rates up to `half_width` count as practically none."""

    kind: Literal["absolute"] = setting("absolute", "The zone is a difference of rates.")
    half_width: float = setting(
        ..., "Largest difference of rates that does not matter.", unit="conversions per unit",
        ge=0, lt=1,
    )  # fmt: skip


class RelativeRope(Record):
    """Differences up to `half_width` times the control's rate count as practically none."""

    kind: Literal["relative"] = setting("relative", "The zone is a share of the control's rate.")
    half_width: float = setting(
        0.01, "Largest relative difference that does not matter, 0.01 for 1 %.", ge=0, lt=1
    )


type Rope = Annotated[AbsoluteRope | RelativeRope, Field(discriminator="kind")]


class ABTestConfig(Config):
    """Settings of an A/B test with a binary metric."""

    control: str | None = setting(
        None,
        "Name of the control. Open: `control`, `ctrl`, `A`, `baseline` or `original` in any "
        "case, else the first name.",
        min_length=1, max_length=500,
    )  # fmt: skip
    direction: Literal["higher", "lower"] = setting(
        "higher", "Which conversion rate is better: lower for refunds, churn or errors."
    )
    prior: BetaPrior = setting(BetaShape(), "Prior of every variant's conversion rate.")
    rope: Rope = setting(RelativeRope(), "The zone of differences that are too small to matter.")
    loss_threshold: float = setting(
        0.001,
        "A variant is shipped only if its expected loss against the best one is at most this.",
        unit="conversions per unit", ge=0, le=1,
    )  # fmt: skip
    min_units: int = setting(
        20, "No answer is offered before both variants have this many units.", unit="units",
        ge=1, le=1_000_000_000,
    )  # fmt: skip
    expected_split: Mapping[str, Annotated[float, Field(ge=0, le=1e9)]] | None = setting(
        None,
        "Planned share of units by variant, in any scale, such as A: 80, B: 20. "
        "Open: equal shares. Variants named here are shown even before their first unit.",
        max_length=1000,
    )
    start: Instant | None = setting(None, "Units seen before this instant are left out.")
    end: Instant | None = setting(None, "Units seen at this instant or later are left out.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        if self.expected_split is not None and sum(self.expected_split.values()) <= 0:
            raise ValueError("expected_split needs at least one share above 0")
        return self


EXAMPLE = ABTestConfig(
    control="A",
    prior=BetaMean(mean=0.1, effective_sample_size=60),
    expected_split={"A": 0.5, "B": 0.5},
)
