"""What the analysis of entity rates can be told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import log
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from pymc_vibes.core.config import SampledConfig, setting
from pymc_vibes.core.errors import InsufficientData
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.kind import Extent
from pymc_vibes.kinds.entity_rates.priors import RatePrior, ScaleFree

ALIASES = {
    "n_samples": "draws",
    "n_tune": "tune",
    "n_chains": "chains",
    "random_seed": "seed",
}
REFERENCE = ("mu_prior_rate", "mu_prior", "alpha_prior_sd", "overdispersion_prior_sd")
"""Settings of the reference prior that may also be given beside `prior`."""
PERSISTENCE = (4.0, 2.0)
"""Beta prior of a drift's correlation from window to window: near 0 it would be noise."""
STEP = {"hour": 3600, "day": 86_400, "week": 604_800}
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


class EntityConfig(SampledConfig):
    """Settings of entity rates."""

    also: ClassVar[tuple[str, ...]] = (*ALIASES, *REFERENCE)

    draws: int = setting(
        2000, "Draws of each chain, or of the answer where nothing is sampled.", ge=100, le=50_000
    )
    prior: RatePrior = setting(
        ScaleFree(), "Prior of the population: scale-free, or that of the reference model."
    )
    form: Literal["standardized", "centered", "non-centered"] = setting(
        "standardized",
        "How the sampler sees the entities' rates: each in sds from where it is expected, itself, "
        "or times alpha; the posterior is the same.",
    )
    window: Literal["hour", "day", "week"] | None = setting(
        None,
        "Length of the windows that events are counted in (UTC; weeks begin on Monday). By default "
        "the windows are those of the rows.",
    )
    start: Instant | None = setting(
        None, "Start of the analysis, UTC; the first window by default."
    )
    end: Instant | None = setting(
        None, "End of the analysis, UTC, exclusive; the last window by default."
    )
    missing: Literal["zero", "unobserved"] | None = setting(
        None,
        "What an entity's window without a row is: a count of 0, or not observed. By default 0, "
        "and not observed where rows carry exposure or covariates.",
    )
    exposure: Literal["window", "measured"] | None = setting(
        None,
        "What a count is counted against: its window, or the row's own exposure. The first upload "
        "decides where it is open.",
    )
    zero_inflation: bool = setting(
        default=False,
        about="Let a share of the windows be empty whatever the rate: an outage, a day off.",
    )
    covariates: bool = setting(
        default=False, about="Let the columns `x_*` multiply the rate of a window."
    )
    autoregression: bool = setting(
        default=False,
        about="Let the log rate of an entity drift: autoregressive of first order in time.",
    )
    sizes: bool = setting(
        default=False,
        about="Model the column `bytes` together with the counts: lognormal bytes per event.",
    )
    zero_share_prior_mean: float = setting(
        0.2, "Prior mean of the share of empty windows.", gt=0, lt=1
    )
    effect_prior_sd: float = setting(
        1.0, "Prior sd of the log effect of one sd of a covariate.", gt=0, le=10
    )
    drift_prior_sd: float = setting(
        0.5, "Scale of the half-normal prior of the drift's sd, in logs.", gt=0, le=5
    )
    size_prior_median: float = setting(
        1000.0, "Prior median of bytes per event.", unit="bytes", gt=0, le=1e18
    )
    size_prior_log_sd: float = setting(
        3.0,
        "Prior sd of the log of bytes per event, and scale of the priors of its spreads.",
        gt=0,
        le=20,
    )
    threshold: float | None = setting(
        None,
        "Report the chance that a rate is above this value.",
        unit="events per window",
        gt=0,
        le=1e18,
    )
    top: int = setting(10, "How many entities count as the top.", ge=1, le=200)
    direction: Literal["higher", "lower"] = setting(
        "higher", "Which rates come first in a ranking."
    )

    @classmethod
    def merged(cls, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Lay settings over stored ones; an alias replaces what is stored by the own name."""
        named = _named(given)
        parts = dict(stored.get("prior") or {})
        if "prior" in named or parts.get("kind") != "reference" or not named.keys() & {*REFERENCE}:
            return {**stored, **named}
        is_mean = "mu_prior_rate" in named
        replaced = {*named, "mu_prior"} if is_mean else {*named}
        kept = {name: value for name, value in parts.items() if name not in replaced}
        return {**stored, "prior": kept, **named}

    @model_validator(mode="before")
    @classmethod
    def _translate(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        named = _named(values)
        if ALIASES.keys() & named.keys():
            raise ValueError("a setting is given twice, by its name and by an alias")
        if isinstance(form := named.get("form"), str):
            named["form"] = form.replace("centred", "centered")
        return _with_reference(named)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_window(self.start, self.end)
        if self.missing == "zero" and (self.measured or self.covariates):
            raise ValueError(
                "a window without a row has no exposure and no covariates: leave missing open, "
                "or upload a row with count 0 for it"
            )
        return self

    @property
    def measured(self) -> bool:
        """Whether exposure is what the rows say."""
        return self.exposure == "measured"

    @property
    def fills(self) -> bool:
        """Whether an entity's window without a row is a count of 0."""
        return self.missing != "unobserved" and not self.measured and not self.covariates

    @property
    def extensions(self) -> tuple[str, ...]:
        """Name what goes beyond the basic model."""
        switches = {
            "zero inflation": self.zero_inflation,
            "covariates": self.covariates,
            "autoregression": self.autoregression,
            "bytes": self.sizes,
            "measured exposure": self.measured,
        }
        return tuple(name for name, is_on in switches.items() if is_on)

    @property
    def by_window(self) -> bool:
        """Whether the cells are every window of every entity, one by one."""
        return self.needs_rows or self.sizes

    @property
    def needs_rows(self) -> bool:
        """Whether sums per entity are not enough to sample from."""
        return self.covariates or self.autoregression or self.measured

    @property
    def zero_share_shapes(self) -> tuple[float, float]:
        """The Beta prior of the share of empty windows: worth five windows."""
        mean = self.zero_share_prior_mean
        return 5 * mean, 5 * (1 - mean)

    @property
    def size_prior(self) -> tuple[float, float]:
        """Mean and sd of the prior of the log of bytes per event."""
        return log(self.size_prior_median), self.size_prior_log_sd

    @property
    def per(self) -> str:
        """What the rates are per."""
        return "unit of exposure" if self.measured else self.window or "window"

    @property
    def unit(self) -> str:
        """The unit of the rates."""
        return f"events per {self.per}"

    @property
    def regular(self) -> tuple[datetime, int, int]:
        """Give the first regular window, its seconds, and how many there are."""
        if self.window is None or self.start is None or self.end is None:
            raise InsufficientData(
                "The period of the analysis is open.",
                hint="Give start and end, such as 2024-01-01.",
            )
        step = STEP[self.window]
        return self.start, step, int((self.end - self.start).total_seconds()) // step


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings their own names; an alias stays where its setting is there as well."""
    own = {name: ALIASES.get(name, name) for name in values}
    return {name if own[name] in values else own[name]: value for name, value in values.items()}


def _with_reference(values: dict[str, Any]) -> dict[str, Any]:
    """Move settings of the reference prior to where they belong."""
    given = {name: values.pop(name) for name in REFERENCE if name in values}
    if not given:
        return values
    prior = values.get("prior", {})
    known = dict(prior) if isinstance(prior, dict) else prior.model_dump(exclude_unset=True)
    if known.setdefault("kind", "reference") != "reference":
        raise ValueError(f"{', '.join(given)} set the reference prior, and prior is another one")
    if "mu_prior_rate" in given:
        rate = {"kind": "exponential", "rate": given.pop("mu_prior_rate")}
        if "mu_prior" in given or "mu_prior" in known:
            raise ValueError("mu_prior_rate and mu_prior both set the prior of the mean")
        given["mu_prior"] = rate
    if twice := sorted(known.keys() & given.keys()):
        raise ValueError(f"{', '.join(twice)} given twice, in prior and beside it")
    return {**values, "prior": {**known, **given}}


def resolve(config: EntityConfig, extent: Extent) -> EntityConfig:
    """Widen the extent to whole windows where they are regular; else nothing is open."""
    exposure = config.exposure or "window"
    if config.window is None:
        return config.model_copy(update={"exposure": exposure})
    first, last = config.start or extent.first, config.end or extent.last
    if first is None or last is None:
        raise InsufficientData(
            "There are no events with a time yet.",
            hint="Upload rows with window_start, or leave window open for numbered windows.",
        )
    start = _floor(first, config.window)
    end = _floor(last, config.window)
    if config.end is None or end < last:
        end += timedelta(seconds=STEP[config.window])
    if start >= end:
        raise InsufficientData(
            f"No window lies between {start:%Y-%m-%d} and {end:%Y-%m-%d}.",
            hint="Choose a period that overlaps the data; the end is exclusive.",
        )
    return config.model_copy(update={"start": start, "end": end, "exposure": exposure})


def _floor(instant: datetime, window: str) -> datetime:
    step = timedelta(seconds=STEP[window])
    return _MONDAY + (instant - _MONDAY) // step * step
