"""Settings of a marketing mix, and the preset that makes it the reference model."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.records import Record
from pymc_vibes.kinds.marketing_mix.experiments import (
    MOST_EXPERIMENTS,
    ExperimentEntry,
    check_experiments,
)
from pymc_vibes.kinds.marketing_mix.options import (
    MAX_CHANNELS,
    Adstock,
    EffectPrior,
    GeometricAdstock,
    LinearTrend,
    LogisticSaturation,
    Name,
    Priors,
    Saturation,
    SharePrior,
    Trend,
)

type Grain = Literal["day", "week", "month"]
type Rule = Literal["sum", "mean", "sales-weighted", "max", "share"]

REFERENCE: Mapping[str, Any] = {
    "link": "log",
    "noise": "log-student",
    "adstock": {"kind": "fixed", "decay": 0.5, "max_lag": 13},
    "saturation": {"kind": "none"},
    "harmonics": 2,
    "trend": {"kind": "linear"},
    "effect_prior": {"kind": "shared-scale", "scale": 0.5},
    "priors": {
        "intercept": 2.0, "control": 0.5, "season": 0.5, "trend": 0.5, "noise": 1.0,
        "tails": "exponential",
    },
    "plain_mean_controls": True,
    "chains": 2,
    "tune": 1000,
    "draws": 2000,
    "target_accept": 0.9,
}  # fmt: skip


class Windows(Record):
    """Which part of the history is fitted."""

    carryover_months: int | None = setting(
        None, "Months before those that are fitted, whose media carry over; open: all there are.",
        unit="months", ge=0, le=60,
    )  # fmt: skip
    estimation_months: int | None = setting(
        None, "The last so many months are fitted; open: all with sales.", unit="months", ge=1,
        le=600,
    )  # fmt: skip


class MarketingMixConfig(Config):
    """Settings of a marketing mix."""

    preset: Literal["default", "reference"] = setting(
        "default", "Where settings that are not given come from: this house, or the reference "
        "model with fixed adstock, no saturation and a log link.",
    )  # fmt: skip
    target_column: str = setting("sales", "Column of what was sold.", min_length=1, max_length=100)
    drivers: tuple[Name, ...] | None = setting(
        None, "Columns that drive the channels, such as act_tv or spend_radio; open: every "
        "activity, and spend where a channel has no activity.", max_length=MAX_CHANNELS,
    )  # fmt: skip
    controls: tuple[Name, ...] | None = setting(
        None, "Columns of controls; open: every ctrl_ column.", max_length=100
    )
    entities: tuple[Name, ...] | None = setting(
        None, "Only these entities count; all by default.", max_length=1000
    )
    panel: Literal["total", "entities"] = setting(
        "total", "Whether entities are added up to one series, or kept with effects that differ "
        "around a common one.",
    )  # fmt: skip
    grain: Literal["auto", "day", "week", "month"] = setting(
        "auto", "Length of a period; finer data are added up to it. Auto: as the data have it."
    )
    week_begins: Literal["monday", "sunday"] = setting(
        "monday", "First day of the weeks that days are added up to."
    )
    duplicates: Literal["refuse", "sum"] = setting(
        "refuse", "What becomes of several rows of one entity and period."
    )
    control_rules: Mapping[Name, Rule] = setting(
        {}, "Control -> how it is brought from entities or days to a total. Unnamed: prices are "
        "weighted by sales, flags have their largest value, others their mean.", max_length=100,
    )  # fmt: skip
    plain_mean_controls: bool = setting(
        default=False, about="Average every control that no rule names, also prices and flags."
    )
    link: Literal["identity", "log"] = setting(
        "identity", "Whether effects add to sales, or multiply them."
    )
    noise: Literal["student", "normal", "lognormal", "log-student"] = setting(
        "student", "Noise: of sales, with heavy tails or normal; or of their logarithm, which "
        "needs the log link: log-normal, or with heavy tails, where sales have no mean.",
    )  # fmt: skip
    offset: float | None = setting(
        None, "Added to sales before their logarithm. Open: 0 if all are positive, else 1.",
        ge=0, le=1e15,
    )  # fmt: skip
    center_target: bool = setting(
        default=True, about="Measure the level from the mean of log sales, not from 0."
    )
    adstock: Adstock = setting(GeometricAdstock(), "How activity carries over.")
    saturation: Saturation = setting(LogisticSaturation(), "How more activity wears off.")
    harmonics: int = setting(2, "Waves of a yearly season; 0 for none.", ge=0, le=26)
    trend: Trend = setting(LinearTrend(), "How the level drifts.")
    holidays: tuple[Instant, ...] = setting(
        (), "Days that differ, all by the same amount a day.", max_length=500
    )
    holiday_country: str | None = setting(
        None, "Country whose public holidays differ: an ISO code such as US, DE or GB-SCT.",
        max_length=9, pattern=r"^[A-Za-z]{2}(-[A-Za-z0-9]{1,6})?$",
    )  # fmt: skip
    effect_prior: EffectPrior = setting(SharePrior(), "Prior of what channels do.")
    priors: Priors = setting(Priors(), "Priors of everything else.")
    experiments: tuple[ExperimentEntry, ...] = setting(
        (), "Tests of channels that calibrate the mix: runs of other experiments, or numbers.",
        max_length=MOST_EXPERIMENTS,
    )  # fmt: skip
    windows: Windows = setting(Windows(), "How many months are fitted, and carry over.")
    holdout_periods: int = setting(
        0, "Last periods that are kept out of the fit, to see how well it predicts.",
        unit="periods", ge=0, le=104,
    )  # fmt: skip
    value_per_sale: float | None = setting(
        None, "Profit of one unit of sales, for returns in profit.", gt=0, le=1e9
    )
    min_periods: int = setting(
        52, "Periods with sales that are needed, and at least three for each parameter.",
        unit="periods", ge=8, le=5200,
    )  # fmt: skip
    sales_name: str = setting(
        "sales", "What sales are called in sentences.", min_length=1, max_length=60
    )
    currency: str = setting("", "Unit of spend, such as EUR.", max_length=30)
    tune: int = setting(1000, "Steps of adaptation of each chain.", ge=50, le=20_000)
    chains: int = setting(4, "Chains of the sampler.", ge=2, le=16)
    target_accept: float = setting(
        0.9, "Acceptance rate that the sampler's step size aims at.", ge=0.5, le=0.999
    )
    start: Instant | None = setting(None, "Rows before this instant are left out.")
    end: Instant | None = setting(None, "Rows at this instant or later are left out.")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("preset") != "reference":
            return values
        given = dict(values)
        for name, value in REFERENCE.items():
            # parts of the priors may be given, and the others are still those of the preset
            known = given.get(name, {}) if name == "priors" else given.get(name)
            given[name] = _merged(value, known) if name == "priors" else given.get(name, value)
        return given

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        check_experiments(self.experiments)
        if self.link == "identity" and self.takes_log:
            raise ValueError(f"noise {self.noise} needs link log")
        if self.offset and not self.takes_log:
            raise ValueError("offset is added before a logarithm: it needs noise of logarithms")
        named = {*(self.controls or self.control_rules)}
        if self.controls is not None and (unknown := {*self.control_rules} - named):
            raise ValueError(f"control_rules names {min(unknown)}, which is not among the controls")
        return self

    @property
    def takes_log(self) -> bool:
        """Say whether noise is that of the logarithm of sales."""
        return self.noise in {"lognormal", "log-student"}

    @property
    def is_reference(self) -> bool:
        """Say whether it is the reference model, whose carry-over and saturation are given."""
        is_given = self.adstock.kind in {"fixed", "none"} and self.saturation.kind in _GIVEN
        is_shared = self.effect_prior.kind == "shared-scale" and self.panel == "total"
        return is_given and is_shared and self.link == "log" and self.noise == "log-student"

    def estimates(self, parameter: str) -> bool:
        """Say whether a parameter of carry-over or saturation is estimated, not given."""
        is_carry = parameter in {"decay", "peak", "shape", "spread"}
        return (self.adstock if is_carry else self.saturation).kind not in _GIVEN

    @property
    def max_lag(self) -> int:
        """Give the periods that activity carries over."""
        return 0 if self.adstock.kind == "none" else self.adstock.max_lag


_GIVEN = {"fixed", "none"}


def _merged(defaults: Mapping[str, Any], known: Any) -> Any:
    return {**defaults, **known} if isinstance(known, Mapping) else known


EXAMPLE = MarketingMixConfig(currency="EUR", draws=2000, tune=500)
