"""The alternatives that a marketing mix is made of, and the priors of each.

Shares and half-saturations are in units of a channel's own scale (its largest period), effects and
the priors of everything else in units of mean sales, or in log points under the log link. So no
prior depends on a currency.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from pymc_vibes.core.config import setting
from pymc_vibes.core.records import Record

MAX_CHANNELS = 100
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=1e6)]


class BetaShape(Record):
    """A Beta distribution."""

    a: float = setting(..., "First shape.", gt=0, le=1000)
    b: float = setting(..., "Second shape.", gt=0, le=1000)


class GammaShape(Record):
    """A Gamma distribution."""

    shape: float = setting(..., "Shape.", gt=0, le=1000)
    rate: float = setting(..., "Rate: the mean is shape divided by it.", gt=0, le=1000)


class GeometricAdstock(Record):
    """What is left of a period's activity fades by a constant factor, which is estimated."""

    kind: Literal["geometric"] = setting("geometric", "Fades from the first period on.")
    max_lag: int = setting(8, "Periods after which nothing is left.", unit="periods", ge=1, le=104)
    decay: BetaShape = setting(BetaShape(a=1, b=3), "Prior of what is left after a period.")


class DelayedAdstock(Record):
    """Activity works most some periods later, then fades."""

    kind: Literal["delayed"] = setting("delayed", "Has its peak some periods later.")
    max_lag: int = setting(8, "Periods after which nothing is left.", unit="periods", ge=1, le=104)
    decay: BetaShape = setting(BetaShape(a=1, b=3), "Prior of how fast it fades off the peak.")
    peak: float = setting(
        2.0, "Prior sd of the delay of the peak: half-normal.", unit="periods", gt=0, le=52
    )


class WeibullAdstock(Record):
    """What is left follows a Weibull density, which may have its peak at once or later."""

    kind: Literal["weibull"] = setting("weibull", "Any shape from fading to a late peak.")
    max_lag: int = setting(13, "Periods after which nothing is left.", unit="periods", ge=1, le=104)
    shape: GammaShape = setting(GammaShape(shape=4, rate=2), "Prior of the shape: 1 fades.")
    spread: GammaShape = setting(GammaShape(shape=2, rate=1), "Prior of the scale, in periods.")


class FixedAdstock(Record):
    """y[t] = x[t] + decay y[t-1], cut after `max_lag` periods, with a decay that is given."""

    kind: Literal["fixed"] = setting("fixed", "The decay is not estimated.")
    max_lag: int = setting(13, "Periods after which nothing is left.", unit="periods", ge=1, le=104)
    decay: float = setting(0.5, "What is left after a period.", ge=0, lt=1)
    per_channel: Mapping[Name, Decay] = setting(
        {}, "Channel -> its own decay.", max_length=MAX_CHANNELS
    )


class NoAdstock(Record):
    """Activity works in its own period alone."""

    kind: Literal["none"] = setting("none", "Nothing carries over.")


type Adstock = Annotated[
    GeometricAdstock | DelayedAdstock | WeibullAdstock | FixedAdstock | NoAdstock,
    Field(discriminator="kind"),
]


class LogisticSaturation(Record):
    """(1 - exp(-rate x)) / (1 + exp(-rate x))."""

    kind: Literal["logistic"] = setting("logistic", "Concave from the first unit on.")
    rate: GammaShape = setting(GammaShape(shape=3, rate=1), "Prior of the rate.")


class HillSaturation(Record):
    """x^slope / (half^slope + x^slope)."""

    kind: Literal["hill"] = setting("hill", "Concave, or S-shaped where the slope is above 1.")
    half: BetaShape = setting(BetaShape(a=2, b=2), "Prior of the activity with half the effect.")
    slope: GammaShape = setting(GammaShape(shape=8, rate=6), "Prior of the slope.")


class MichaelisMentenSaturation(Record):
    """x / (half + x)."""

    kind: Literal["michaelis-menten"] = setting("michaelis-menten", "Hill with a slope of 1.")
    half: BetaShape = setting(BetaShape(a=2, b=2), "Prior of the activity with half the effect.")


class FixedSaturation(Record):
    """The Hill curve with parameters that are given."""

    kind: Literal["fixed"] = setting("fixed", "The curve is not estimated.")
    half: float = setting(0.5, "Activity with half the effect.", gt=0, le=1000)
    slope: float = setting(1.0, "Slope.", gt=0, le=20)


class NoSaturation(Record):
    """Twice the activity has twice the effect, so that no budget is best."""

    kind: Literal["none"] = setting("none", "No budget can be recommended from it.")


type Saturation = Annotated[
    LogisticSaturation
    | HillSaturation
    | MichaelisMentenSaturation
    | FixedSaturation
    | NoSaturation,
    Field(discriminator="kind"),
]


class SharePrior(Record):
    """All media together make a guessed share of sales; each channel has its part by spend."""

    kind: Literal["share"] = setting("share", "From the share of sales that media make.")
    median: float = setting(0.2, "Share of sales of all media together.", gt=0, lt=1)


class CoefficientPrior(Record):
    """The effect at a channel's mean exposure is half-normal."""

    kind: Literal["coefficient"] = setting("coefficient", "From the size of one effect.")
    scale: float = setting(0.2, "Its prior sd, in units of mean sales or log points.", gt=0, le=10)


class RoasPrior(Record):
    """Sales per money spent are log-normal; channels without spend have the share prior."""

    kind: Literal["roas"] = setting("roas", "From the return on spend.")
    median: float = setting(1.0, "Sales per money spent.", gt=0, le=1e6)
    log_sd: float = setting(0.9, "Its sd on the log scale.", gt=0, le=5)
    per_channel: Mapping[Name, Positive] = setting(
        {}, "Channel -> its own median.", max_length=MAX_CHANNELS
    )


class SharedScalePrior(Record):
    """Coefficients are half-normal with one spread for all channels, which is estimated."""

    kind: Literal["shared-scale"] = setting("shared-scale", "From one spread for all channels.")
    scale: float = setting(0.5, "Prior sd of that spread: half-normal.", gt=0, le=10)


type EffectPrior = Annotated[
    SharePrior | CoefficientPrior | RoasPrior | SharedScalePrior, Field(discriminator="kind")
]


class NoTrend(Record):
    """The level does not drift."""

    kind: Literal["none"] = setting("none", "No trend.")


class LinearTrend(Record):
    """The level drifts in a straight line."""

    kind: Literal["linear"] = setting("linear", "A straight line over the periods.")


class PiecewiseTrend(Record):
    """The level drifts in straight lines that meet at evenly spaced knots."""

    kind: Literal["piecewise"] = setting("piecewise", "Straight lines with bends.")
    knots: int = setting(4, "Bends, evenly spaced.", ge=1, le=50)


type Trend = Annotated[NoTrend | LinearTrend | PiecewiseTrend, Field(discriminator="kind")]


class Priors(Record):
    """Prior sds of everything but media, in units of mean sales or log points."""

    intercept: float = setting(0.5, "Of the level.", gt=0, le=100)
    control: float = setting(0.3, "Of the effect of one sd of a control.", gt=0, le=100)
    season: float = setting(0.3, "Of each wave of the season, and of holidays.", gt=0, le=100)
    trend: float = setting(0.5, "Of the drift over all periods.", gt=0, le=100)
    noise: float = setting(0.3, "Of the noise's sd: half-normal.", gt=0, le=100)
    entity: float = setting(0.5, "Of how entities differ in media effects, on the log scale.",
                            gt=0, le=10)  # fmt: skip
    tails: Literal["gamma", "exponential"] = setting(
        "gamma",
        "Of the degrees of freedom of Student noise: 2 more than Gamma(2, 0.1), or "
        "Exponential(1/10).",
    )
