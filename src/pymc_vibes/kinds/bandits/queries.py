"""What a running bandit is asked: the next arm for a unit, and the shares for a batch."""

from pymc_vibes.core.answer import Claim, Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.kinds.bandits.config import BanditConfig, Policy
from pymc_vibes.kinds.bandits.policy import draw_arm, shares
from pymc_vibes.kinds.bandits.reading import Reading
from pymc_vibes.stats.chart import bars
from pymc_vibes.stats.decide import chance

_SHOWN = 1000


class Assign(Parameters):
    """Who needs an arm."""

    unit_id: str | None = setting(
        None,
        "The unit that gets the arm. It keeps its first arm, however often it asks.",
        min_length=1, max_length=500,
    )  # fmt: skip
    policy: Policy | None = setting(None, "A policy for this answer, in place of the bandit's own.")
    seed: int | None = setting(None, "Seed in place of the bandit's own.", ge=0, le=2**63 - 1)
    request: str | None = setting(
        None,
        "A text of the caller that makes anonymous requests differ, such as a request id: the same "
        "text, seed and data give the same arm. One is made where it and the unit are left out.",
        min_length=1, max_length=500,
    )  # fmt: skip


class Allocate(Parameters):
    """A batch to be split."""

    units: int = setting(0, "Units of the next batch to split.", unit="units", ge=0, le=10**12)
    policy: Policy | None = setting(None, "A policy for this answer, in place of the bandit's own.")


def assign(posterior: Posterior, config: BanditConfig, asked: Assign) -> QueryAnswer:
    """Give the next arm: a posterior draw per arm, the best draw wins."""
    reading = Reading(posterior=posterior, config=config)
    policy = asked.policy or config.policy
    seed = config.seed if asked.seed is None else asked.seed
    rng = stream(seed, "assign", *_asker(asked))
    p_best = reading.best.probability
    index = draw_arm(policy, reading.reward, reading.better, p_best, rng)
    arm, share = reading.arms[index], min(float(shares(policy, p_best)[index]), 1.0)
    to_whom = f" for {asked.unit_id}" if asked.unit_id is not None else ""
    return QueryAnswer(
        summary=Summary(
            headline=f"{arm}{to_whom}: it is given with {chance(share)} chance now.",
            claims=(
                Claim(
                    text=f"{arm} is the best arm",
                    probability=min(float(p_best[index]), 1.0),
                ),
            ),
        ),
        data={
            "arm": arm, "unit_id": asked.unit_id, "probability": share, "policy": policy.kind,
        },
    )  # fmt: skip


def allocate(posterior: Posterior, config: BanditConfig, asked: Allocate) -> QueryAnswer:
    """Give every arm's share of the next batch, exactly."""
    reading = Reading(posterior=posterior, config=config)
    policy = asked.policy or config.policy
    weights = [float(share) for share in shares(policy, reading.best.probability)]
    units = split_whole(asked.units, weights)
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], reading.arms[i]))
    top, most = reading.arms[order[0]], chance(weights[order[0]])
    return QueryAnswer(
        summary=Summary(
            headline=f"{top} gets the largest share of the next pulls: {most}.",
            findings=_nothing_known(reading),
            tables=(
                Table(
                    name="shares",
                    title="Shares of the next batch",
                    columns=("arm", "share", "units", "chance_best"),
                    units=("", "", "units", ""),
                    rows=tuple(
                        (reading.arms[i], weights[i], units[i], float(reading.best.probability[i]))
                        for i in order[:_SHOWN]
                    ),
                    total=len(order),
                ),
            ),
            context={"policy": policy.model_dump(mode="json")},
        ),
        figures=(_share_bars(reading.arms, weights, f"{top} leads with {most}"),),
        data={
            "weights": dict(zip(reading.arms, weights, strict=True)),
            "units": dict(zip(reading.arms, units, strict=True)),
            "policy": policy.kind,
        },
    )  # fmt: skip


def _share_bars(arms: tuple[str, ...], weights: list[float], finding: str) -> Figure:
    return bars(
        "shares",
        f"Shares of the next pulls: {finding}",
        f"One bar per arm: its share of the next pulls; {finding}.",
        labels=arms, values=weights, x_label="share of the next pulls", x_domain=(0.0, 1.0),
    )  # fmt: skip


def _asker(asked: Assign) -> tuple[str, str]:
    return ("request", asked.request or "") if asked.unit_id is None else ("unit", asked.unit_id)


def split_whole(total: int, weights: list[float]) -> list[int]:
    """Split `total` into whole parts by largest remainder; ties go to the earlier one.

    >>> split_whole(10, [0.5, 0.25, 0.25]), split_whole(0, [1.0])
    ([5, 3, 2], [0])
    """
    exact = [total * weight for weight in weights]
    parts = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: parts[i] - exact[i])
    for step in range(total - sum(parts)):
        parts[order[step % len(order)]] += 1
    return parts


def _nothing_known(reading: Reading) -> tuple[Finding, ...]:
    if reading.total:
        return ()
    text = "No rewards yet: the shares come from the prior alone."
    return (Finding(code="prior-only", severity="note", text=text),)


QUERIES = (
    PosteriorQuery[BanditConfig, Assign](
        slug="assign", title="Give the next arm", parameters=Assign, answer=assign,
        sticky_by="unit_id", fresh="request",
        about="The arm for the next unit by the bandit's policy, with the chance it was given by. "
        "A unit keeps its first arm.",
    ),
    PosteriorQuery[BanditConfig, Allocate](
        slug="allocate", title="Split the next batch", parameters=Allocate, answer=allocate,
        about="Every arm's share of the next batch under the policy, and whole units by share.",
    ),
)  # fmt: skip
