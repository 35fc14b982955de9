"""Events and settings of a bandit."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pymc_vibes.core.config import Config, setting
from pymc_vibes.core.instant import Instant, check_window
from pymc_vibes.core.records import Record
from pymc_vibes.core.schema import Column, Schema
from pymc_vibes.stats.prior import BetaMean, BetaPrior, BetaShape

MOST_ARMS = 1000  # the contest for the best is weighed again whenever rewards arrive

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp", type="instant", role="time", aliases=("ts", "time", "date"),
            about="When the reward arrived; needed only for a window.",
        ),
        Column(
            name="arm", type="string", role="entity", required=True, joinable=True,
            aliases=("item_id", "action", "variant", "option"),
            about="The arm that was pulled.",
        ),
        Column(
            name="reward", type="number", role="outcome", required=True, low=-1e12, high=1e12,
            aliases=("click", "clicked", "converted", "outcome"),
            about="What the pull brought: 0 or 1, or any number where rewards are continuous.",
        ),
        Column(
            name="unit_id", type="string", role="unit", aliases=("user_id", "unit", "user"),
            about="Whom the arm was given to. Kept with the data; every row is a pull of its own.",
        ),
    ),
)  # fmt: skip


class BinaryReward(Record):
    """Rewards are 0 or 1, such as clicks."""

    kind: Literal["binary"] = setting("binary", "Every reward is 0 or 1.")
    prior: BetaPrior = setting(BetaShape(), "Prior of every arm's chance of a reward.")


class ContinuousReward(Record):
    """Rewards are numbers, taken as normal around the arm's mean."""

    kind: Literal["continuous"] = setting("continuous", "Rewards are numbers of any size.")
    mean: float | None = setting(
        None,
        "Mean reward expected of an arm before any data. Open: the mean over all arms' rewards.",
        ge=-1e12, le=1e12,
    )  # fmt: skip
    spread: float | None = setting(
        None,
        "Standard deviation of one reward expected before any data. Open: that of all rewards.",
        ge=1e-12, le=1e12,
    )  # fmt: skip
    mean_weight: float = setting(
        1.0, "How many pulls the expected mean is worth.", unit="pulls", ge=1e-6, le=1e6
    )
    spread_weight: float = setting(
        3.0, "How many pulls the expected standard deviation is worth.", unit="pulls", gt=2, le=1e6
    )


type Reward = Annotated[BinaryReward | ContinuousReward, Field(discriminator="kind")]


class Thompson(Record):
    """Give each arm with the chance that it is the best."""

    kind: Literal["thompson"] = setting("thompson", "One draw per arm; the best draw is given.")
    floor: float = setting(
        0.0, "Least share of every arm, so that none starves; at most 1 / number of arms.",
        ge=0, le=0.5,
    )  # fmt: skip


class TopTwoThompson(Record):
    """Give the best draw with chance `beta`, else the best of another draw's other arms."""

    kind: Literal["top-two"] = setting(
        "top-two", "Thompson that also tries the runner-up, to find the best arm sooner."
    )
    beta: float = setting(
        0.5, "Chance of giving the winner of the draw, not its challenger.", gt=0, le=1
    )
    floor: float = setting(
        0.0, "Least share of every arm, so that none starves; at most 1 / number of arms.",
        ge=0, le=0.5,
    )  # fmt: skip


type Policy = Annotated[Thompson | TopTwoThompson, Field(discriminator="kind")]


class BanditConfig(Config):
    """Settings of a bandit."""

    reward: Reward = setting(BinaryReward(), "What a reward is, with the prior that belongs to it.")
    direction: Literal["higher", "lower"] = setting(
        "higher", "Which mean reward is better: lower for costs or waiting times."
    )
    policy: Policy = setting(Thompson(), "How the next arm is chosen.")
    arms: tuple[Annotated[str, Field(min_length=1, max_length=500)], ...] = setting(
        (),
        "Arms that exist whether or not they were pulled yet; they can be assigned from the start.",
        max_length=MOST_ARMS,
    )
    start: Instant | None = setting(None, "Rewards before this instant are left out.")
    end: Instant | None = setting(None, "Rewards at this instant or later are left out.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_window(self.start, self.end)
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("arms must be distinct")
        return self


EXAMPLE = BanditConfig(
    reward=BinaryReward(prior=BetaMean(mean=0.08, effective_sample_size=50)),
    arms=("banner-1", "banner-2", "banner-3", "banner-4"),
)
