"""What the posterior says about the arms, read once for summary, figures and queries."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, cast

from pymc_vibes.core.answer import Tone
from pymc_vibes.core.posterior import Posterior, Variable
from pymc_vibes.kinds.bandits.config import BanditConfig
from pymc_vibes.kinds.bandits.policy import shares
from pymc_vibes.stats.decide import best_tone

if TYPE_CHECKING:
    from pymc_vibes.stats.best import Best
    from pymc_vibes.stats.exact import Beta
    from pymc_vibes.stats.normal import StudentT
    from pymc_vibes.stats.special import Array


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The arms against each other."""

    posterior: Posterior
    config: BanditConfig

    @property
    def reward(self) -> Variable:
        """Give the arms' mean rewards."""
        return self.posterior["reward"]

    @property
    def arms(self) -> tuple[str, ...]:
        """Name the arms."""
        return self.reward.labels

    @property
    def pulls(self) -> tuple[int, ...]:
        """Count the pulls of each arm."""
        return tuple(self.posterior.constants["pulls"])

    @property
    def total(self) -> int:
        """Count all pulls."""
        return sum(self.pulls)

    @property
    def better(self) -> int:
        """Give 1 where higher rewards are better, -1 where lower ones are."""
        return 1 if self.config.direction == "higher" else -1

    def density(self, index: int) -> "tuple[Array, Array]":
        """Give the curve of one arm's mean reward."""
        return self._exact.density(index)

    @cached_property
    def best(self) -> "Best":
        """Weigh every arm against the best of them."""
        return _contest(self.posterior, self.config.direction)

    @cached_property
    def shares(self) -> "Array":
        """Give every arm's share of the next pulls under the configured policy."""
        return shares(self.config.policy, self.best.probability)

    @cached_property
    def leader(self) -> int:
        """Give the index of the arm that is most probably the best."""
        return max(range(len(self.arms)), key=lambda i: float(self.best.probability[i]))

    @property
    def p_leader(self) -> float:
        """Give the leader's chance of being the best."""
        return min(float(self.best.probability[self.leader]), 1.0)

    @cached_property
    def tone(self) -> Tone:
        """Say whether the leader may be called the best; `none` where there is no contest."""
        if len(self.arms) < 2 or self.total == 0:
            return "none"
        return best_tone(self.p_leader, self.config.level, self.config.direction)

    @cached_property
    def regret(self) -> float:
        """Give the expected regret of all pulls so far, against having known the best arm."""
        return float(sum(n * loss for n, loss in zip(self.pulls, self._losses, strict=True)))

    @cached_property
    def even_regret(self) -> float:
        """Give the expected regret that an equal split of the same pulls would have had."""
        return float(self.total * sum(self._losses) / len(self.arms))

    @property
    def _exact(self) -> "Beta | StudentT":
        return _exact(self.posterior)

    @property
    def _losses(self) -> list[float]:
        return [float(loss) for loss in self.best.expected_loss]


@lru_cache(maxsize=16)
def _contest(posterior: Posterior, direction: Literal["higher", "lower"]) -> "Best":
    """Weigh the arms once for all the assignments that rest on the same rewards."""
    from pymc_vibes.stats.best import best_of
    from pymc_vibes.stats.normal import StudentT, best_mean

    exact = _exact(posterior)
    return best_mean(exact, direction) if isinstance(exact, StudentT) else best_of(exact, direction)


def _exact(posterior: Posterior) -> "Beta | StudentT":
    return cast("Beta | StudentT", posterior["reward"].distribution)
