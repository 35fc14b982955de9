"""Who gets which arm: the shares that a policy implies, and one assignment.

Thompson sampling gives an arm with the chance that it is the best. Top-two Thompson sampling (Russo
2016) draws the winner I by Thompson sampling and gives it with chance beta; else it draws again
until another arm J wins, and gives J. With p the chances of being the best, its shares are exactly

    p_i (beta + (1 - beta) sum over j != i of p_j / (1 - p_j))

A floor mixes in an equal share for everybody. So shares need no draws, and every assignment knows
the chance with which it was made.
"""

from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.kinds.bandits.config import Policy, Thompson

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.core.posterior import Variable
    from pymc_vibes.stats.special import Array


def shares(policy: Policy, p_best: "Array") -> "Array":
    """Give every arm's share under the policy; they sum to 1."""
    import numpy as np

    check_floor(policy, len(p_best))
    chosen = p_best
    if not isinstance(policy, Thompson) and len(p_best) > 1:
        challengers = _challengers(p_best)
        chosen = policy.beta * p_best + (1 - policy.beta) * (p_best @ challengers)
    mixed = policy.floor + (1 - policy.floor * len(p_best)) * chosen
    return np.asarray(mixed / mixed.sum())


def draw_arm(
    policy: Policy, reward: "Variable", better: int, p_best: "Array", rng: "np.random.Generator"
) -> int:
    """Draw the next arm: one posterior draw per arm, the best one wins; then the policy's twist.

    `better` is 1 where higher rewards are better and -1 where lower ones are.
    """
    import numpy as np

    count = len(reward.labels)
    check_floor(policy, count)
    if rng.random() < policy.floor * count:
        return int(rng.integers(count))
    draws = [better * float(reward.distribution.sample(i, 1, rng)[0]) for i in range(count)]
    winner = int(np.argmax(draws))
    if isinstance(policy, Thompson) or count == 1 or rng.random() < policy.beta:
        return winner
    # drawing again until another arm wins is a draw from the others' chances, rescaled
    return int(rng.choice(count, p=_challengers(p_best)[winner]))


def check_floor(policy: Policy, arms: int) -> None:
    """Raise `BadConfig` if the floors of all arms exceed the whole."""
    if policy.floor * arms > 1:
        raise BadConfig(
            f"A floor of {policy.floor:g} for each of {arms} arms is more than the whole.",
            hint=f"Set the policy's floor to at most {1 / arms:.4g}.",
            fields=[{"field": "policy.floor", "reason": f"at most {1 / arms:.4g}"}],
        )


def _challengers(p_best: "Array") -> "Array":
    """Give, for each winner (row), the chance of each other arm to challenge it."""
    import numpy as np

    others = np.tile(p_best, (len(p_best), 1))
    np.fill_diagonal(others, 0.0)
    # where all chance is with the winner, every other arm is as good a challenger as the next
    lonely = others.sum(axis=1) <= 0
    others[lonely] = 1.0
    np.fill_diagonal(others, 0.0)
    return np.asarray(others / others.sum(axis=1, keepdims=True))
