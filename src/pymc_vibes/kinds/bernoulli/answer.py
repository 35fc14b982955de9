"""The answer about proportions: headline, numbers, tables and pictures."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Claim, Estimate, Finding, Summary, Table
from pymc_vibes.core.instant import show
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bernoulli.model import beta_of
from pymc_vibes.kinds.bernoulli.settings import ProportionConfig
from pymc_vibes.stats.prior import describe_prior

if TYPE_CHECKING:
    import numpy as np

TABLE_ROWS = 200
ESTIMATES = 12
RATE_UNIT = "successes per trial"
_CONTENDERS = 500
_COLUMNS = (
    "group", "trials", "successes", "mean", "median", "sd",
    "eti low", "eti high", "hdi low", "hdi high", "alpha", "beta",
)  # fmt: skip


def summarize(posterior: Posterior, config: ProportionConfig) -> Summary:
    """Say the success rate of every group, highest first, and what is claimed of it."""
    groups = by_rate(posterior)
    headline, claims = _say(posterior, groups, config)
    return Summary(
        headline=headline,
        estimates=estimates_of(posterior, groups[:ESTIMATES], config),
        claims=(*claims, *_exceeding(posterior, groups[:ESTIMATES], config)),
        findings=_findings(posterior),
        tables=(group_table(posterior, groups, config),),
        context=context_of(config) | {"groups": len(groups)},
    )


def by_rate(posterior: Posterior) -> "np.ndarray":
    """Give the indices of the groups, highest mean first."""
    import numpy as np

    return np.argsort(-beta_of(posterior).mean(), kind="stable")


def _say(
    posterior: Posterior, groups: "np.ndarray", config: ProportionConfig
) -> tuple[str, tuple[Claim, ...]]:
    from pymc_vibes.stats.compare import probability_greater
    from pymc_vibes.stats.decide import compare_sentence

    labels, beta = posterior["theta"].labels, beta_of(posterior)
    if len(groups) == 1:
        (only,) = estimates_of(posterior, groups, config)
        of = "" if labels[0] == "all" else f" of {labels[0]}"
        return f"The success rate{of} is about {rate_words(only)}.", ()
    if len(groups) > 2:
        return _say_best(posterior, groups, config)
    greater = probability_greater(beta, 0, beta, 1)
    claim = compare_sentence(labels[0], labels[1], greater, config.level, quantity="success rate")
    return claim.text, (claim,)


def _say_best(
    posterior: Posterior, groups: "np.ndarray", config: ProportionConfig
) -> tuple[str, tuple[Claim, ...]]:
    from pymc_vibes.stats.best import best_of
    from pymc_vibes.stats.decide import best_tone, chance

    beta = beta_of(posterior)
    low, high = beta.quantile(1e-12), beta.quantile(1 - 1e-12)
    rivals = [int(group) for group in groups if high[group] >= low.max()]
    if len(rivals) > _CONTENDERS:
        return f"No one of {len(groups):,} groups stands out as the highest.", ()
    probability = best_of(beta.take(rivals)).probability
    top = rivals[int(probability.argmax())]
    name, likely = posterior["theta"].labels[top], float(probability.max())
    tone = best_tone(likely, config.level, "higher")
    claim = Claim(
        text=f"{name} has the highest success rate of {len(groups):,} groups.",
        probability=likely,
        tone=tone,
    )
    (leading,) = estimates_of(posterior, [top], config)
    if tone == "higher":
        words = f"{name} has the highest success rate of {len(groups):,} groups"
    else:
        words = (
            f"It is open which of {len(groups):,} groups has the highest success rate; "
            f"{name} is the likeliest"
        )
    return f"{words} ({chance(likely)} chance): about {rate_words(leading)}.", (claim,)


def rate_words(estimate: Estimate) -> str:
    """Say a success rate with its interval."""
    from pymc_vibes.stats.describe import percent

    interval = estimate.interval
    if interval is None:
        raise TypeError("a success rate always has an interval")
    span = f"{percent(interval.low)} to {percent(interval.high)}"
    return f"{percent(estimate.mean)} ({100 * interval.prob:g} % interval {span})"


def estimates_of(
    posterior: Posterior, groups: "np.ndarray | list[int]", config: ProportionConfig
) -> tuple[Estimate, ...]:
    """Give the success rate of each group; equal-tailed first, as a threshold is read from it."""
    from pymc_vibes.stats.describe import estimate

    theta, beta = posterior["theta"], beta_of(posterior)
    return tuple(
        estimate(
            "success rate", theta.labels[int(group)], beta, int(group),
            level=config.level, unit=RATE_UNIT, kind="eti", percent=True,
        )
        for group in groups
    )  # fmt: skip


def _exceeding(
    posterior: Posterior, groups: "np.ndarray", config: ProportionConfig
) -> tuple[Claim, ...]:
    if config.threshold is None:
        return ()
    return tuple(
        exceeding(posterior, int(group), config.threshold, config.level) for group in groups
    )


def exceeding(posterior: Posterior, group: int, threshold: float, level: float) -> Claim:
    """Claim that a group's success rate is above the threshold, with its probability."""
    from pymc_vibes.stats.decide import decide
    from pymc_vibes.stats.describe import percent

    probability = float(beta_of(posterior).take([group]).above(threshold)[0])
    return Claim(
        text=f"The success rate of {posterior['theta'].labels[group]} is above "
        f"{percent(threshold, 6)}.",
        probability=probability,
        tone=decide(probability, level),
    )


def group_table(posterior: Posterior, groups: "np.ndarray", config: ProportionConfig) -> Table:
    """List the groups in the given order, the first 200 of them."""
    shown = groups[:TABLE_ROWS]
    chosen = beta_of(posterior).take(shown)
    cells = posterior.cells.take(shown)
    tail = (1 - config.level) / 2
    numbers = [
        cells["trials"].to_numpy(), cells["successes"].to_numpy(),
        chosen.mean(), chosen.quantile(0.5), chosen.sd(),
        chosen.quantile(tail), chosen.quantile(1 - tail), *chosen.hdi(config.level),
        chosen.a, chosen.b,
    ]  # fmt: skip
    labels = [posterior["theta"].labels[int(group)] for group in shown]
    return Table(
        name="groups",
        title="Success rates, highest first",
        columns=_COLUMNS,
        units=("", "trials", "successes", *[RATE_UNIT] * 7, "", ""),
        rows=tuple(zip(labels, *(column.tolist() for column in numbers), strict=True)),
        total=len(groups),
    )


def context_of(config: ProportionConfig) -> dict[str, Any]:
    """Say what the numbers refer to."""
    start = "the first event" if config.start is None else show(config.start)
    end = "the last event" if config.end is None else f"{show(config.end)} (exclusive)"
    return {
        "window": f"{start} to {end}",
        "start": None if config.start is None else config.start.isoformat(),
        "end": None if config.end is None else config.end.isoformat(),
        "prior": describe_prior(config.prior),
        "level": config.level,
        "threshold": config.threshold,
    }


def _findings(posterior: Posterior) -> tuple[Finding, ...]:
    silent = int((posterior.cells["trials"].to_numpy() == 0).sum())
    if silent == 0:
        return ()
    text = f"{silent:,} groups have no trial in the window; their rates are the prior's."
    return (Finding(code="no-trials", severity="note", text=text),)
