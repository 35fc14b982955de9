"""The summary of a bandit: who leads, what committing costs, where the next pulls go."""

from collections.abc import Mapping

from pydantic import JsonValue

from pymc_vibes.core.answer import (
    Claim,
    Decision,
    Estimate,
    Finding,
    Interval,
    Summary,
    Table,
)
from pymc_vibes.core.instant import show
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.bandits.config import BanditConfig, BinaryReward
from pymc_vibes.kinds.bandits.fit import UNIT
from pymc_vibes.kinds.bandits.reading import Reading
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent, plain

_SHOWN = 200  # rows of a table
_TINY = 1e-4  # a loss below this share of the mean needs no digits


def summarize(posterior: Posterior, config: BanditConfig) -> Summary:
    """Say which arm leads and how sure that is, and what the next pulls should be."""
    reading = Reading(posterior=posterior, config=config)
    leader = reading.arms[reading.leader]
    claim = Claim(
        text=f"{leader} is the best of {len(reading.arms)} arms",
        probability=reading.p_leader,
        tone=reading.tone,
    )
    return Summary(
        headline=_headline(reading),
        decision=_decision(reading),
        estimates=_estimates(reading),
        claims=() if reading.tone == "none" else (claim,),
        findings=_findings(reading),
        tables=(_table(reading),),
        context=_context(reading),
    )


def _headline(reading: Reading) -> str:
    leader, count = reading.arms[reading.leader], len(reading.arms)
    if reading.total == 0:
        return f"No rewards yet: {count} arms are given out by the prior alone."
    if count == 1:
        return f"There is only one arm, {leader}; a bandit needs another one to choose from."
    sure = chance(reading.p_leader)
    cost = _cost(reading)
    if reading.tone == "undecided":
        return (
            f"{leader} leads, but the data do not settle it: {sure} chance of being the best of "
            f"{count} arms. {cost}"
        )
    return f"{leader} is the best of {count} arms: {sure} chance. {cost}"


def _cost(reading: Reading) -> str:
    loss = float(reading.best.expected_loss[reading.leader])
    size = abs(float(reading.reward.distribution.mean()[reading.leader]))
    is_tiny = loss < _TINY * size
    shown = (
        f"under {percent(_TINY)} of its mean reward"
        if is_tiny
        else f"{plain(1000 * loss)} reward per 1,000 pulls"
    )
    return (
        f"Committing to it now costs {shown} in expectation "
        f"({reading.pulls[reading.leader]:,} of {reading.total:,} pulls were its own)."
    )


def _decision(reading: Reading) -> Decision:
    leader = reading.arms[reading.leader]
    if reading.tone == "none":
        return Decision(
            action="start assigning arms", tone="none",
            reason="There is nothing to compare yet: no rewards, or a single arm.",
        )  # fmt: skip
    if reading.tone == "undecided":
        share = chance(float(reading.shares[reading.leader]))
        return Decision(
            action="keep assigning by the policy", tone="undecided",
            reason=f"No arm is the best with enough chance; {leader} gets {share} of the next "
            "pulls.",
        )  # fmt: skip
    return Decision(
        action=f"commit to {leader}", tone=reading.tone,
        reason=f"It is the best with {chance(reading.p_leader)} chance. {_cost(reading)}",
    )  # fmt: skip


def _estimates(reading: Reading) -> tuple[Estimate, ...]:
    distribution, level = reading.reward.distribution, reading.config.level
    low, high = distribution.hdi(level)
    tail = (1 - level) / 2
    below, above = distribution.quantile(tail), distribution.quantile(1 - tail)
    mean, sd, median = distribution.mean(), distribution.sd(), distribution.quantile(0.5)
    binary = isinstance(reading.config.reward, BinaryReward)
    found = []
    for i, arm in enumerate(reading.arms[:_SHOWN]):
        hdi = Interval(low=float(low[i]), high=float(high[i]), prob=level, kind="hdi")
        eti = Interval(low=float(below[i]), high=float(above[i]), prob=level, kind="eti")
        found.append(
            Estimate(
                name=f"reward[{arm}]", label=f"Mean reward of {arm}", unit=UNIT,
                mean=float(mean[i]), sd=float(sd[i]), median=float(median[i]),
                interval=hdi, intervals=(eti, hdi), percent=binary,
            )
        )  # fmt: skip
    return tuple(found)


def _findings(reading: Reading) -> tuple[Finding, ...]:
    unpulled = [arm for arm, n in zip(reading.arms, reading.pulls, strict=True) if n == 0]
    found = []
    if unpulled and reading.total:
        names = ", ".join(unpulled[:5]) + (" and others" if len(unpulled) > 5 else "")
        text = f"No rewards yet for {names}: only the prior speaks for {len(unpulled)} arms."
        found.append(Finding(code="unpulled-arms", severity="note", text=text))
    text = (
        "The arms' rewards are taken as stable over time. Where they drift, or rewards come late, "
        "the arm that leads may be a wrong one."
    )
    return (*found, Finding(code="stable-arms", severity="note", text=text))


def _table(reading: Reading) -> Table:
    best, mean = reading.best, reading.reward.distribution.mean()
    low, high = reading.reward.distribution.hdi(reading.config.level)
    order = sorted(
        range(len(reading.arms)), key=lambda i: (-float(best.probability[i]), reading.arms[i])
    )
    rows: list[tuple[JsonValue, ...]] = [
        (
            reading.arms[i], reading.pulls[i], float(reading.posterior.constants["rewards"][i]),
            float(mean[i]), float(low[i]), float(high[i]), float(best.probability[i]),
            float(best.expected_loss[i]), float(reading.shares[i]),
        )
        for i in order[:_SHOWN]
    ]  # fmt: skip
    return Table(
        name="arms",
        title="Arms, the likeliest best first",
        columns=(
            "arm", "pulls", "rewards", "mean", "low", "high", "chance_best", "regret_if_chosen",
            "next_share",
        ),
        units=("", "pulls", "reward", UNIT, UNIT, UNIT, "", UNIT, "share"),
        rows=tuple(rows),
        total=len(order),
    )  # fmt: skip


def _context(reading: Reading) -> Mapping[str, JsonValue]:
    config = reading.config
    return {
        "better": config.direction,
        "level": config.level,
        "reward": config.reward.kind,
        "prior": reading.posterior.constants["prior"],
        "policy": config.policy.model_dump(mode="json"),
        "window_start": None if config.start is None else show(config.start),
        "window_end": None if config.end is None else show(config.end),
        "pulls": reading.total,
        "regret_so_far": reading.regret,
        "regret_of_an_equal_split": reading.even_regret,
    }
