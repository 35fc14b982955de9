"""Tests of channels that could be run, and what they would be planned on: business as usual."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.lift import Grade
from pymc_vibes.kinds.marketing_mix.ahead import QUARTER
from pymc_vibes.kinds.marketing_mix.asking import channel_indices, entity_index
from pymc_vibes.kinds.marketing_mix.options import MAX_CHANNELS, Name
from pymc_vibes.kinds.marketing_mix.reading import Reading

if TYPE_CHECKING:
    from pymc_vibes.stats.media_next import Ground, Prospect, Trial
    from pymc_vibes.stats.special import Array

_MOST_TRIALS = 400
_MOST_DRAWS = 1000
_BEYOND = 1.2
"""A test above this multiple of the most that was seen lies beyond it."""


class ExperimentsAsked(Parameters):
    """Which tests are compared."""

    channels: tuple[Name, ...] = setting(
        (), "Only tests of these channels; open: of every channel with spend.",
        max_length=MAX_CHANNELS,
    )  # fmt: skip
    factors: tuple[Annotated[float, Field(ge=0, le=10)], ...] = setting(
        (0.0, 0.5, 1.5, 2.0), "What tests make of the usual activity: 0 is none, 2 is twice.",
        min_length=1, max_length=8,
    )  # fmt: skip
    periods: tuple[Annotated[int, Field(ge=1, le=104)], ...] = setting(
        (4, 8), "How many periods tests last.", min_length=1, max_length=8
    )
    entities: tuple[Name, ...] = setting(
        (), "Entities that are tested at once, where they were kept apart; open: all of them.",
        max_length=1000,
    )  # fmt: skip
    grade: Grade | None = setting(
        None, "What the design can rule out: errors count 1, 1.2 or 1.5 times for randomized, geo "
        "and interrupted. Open: geo where some entities are tested and others not, else "
        "interrupted.",
    )  # fmt: skip
    noise: float | None = setting(
        None, "Sd of the sales of a period as the test compares them; open: what the mix leaves "
        "unexplained.", gt=0, le=1e15,
    )  # fmt: skip
    least: float = setting(
        0.1, "By what share a return's interval must become narrower for a test to be advised.",
        ge=0, lt=1,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bench:
    """Business as usual in the series where a test would be run."""

    reading: Reading
    asked: ExperimentsAsked

    @cached_property
    def entities(self) -> list[int]:
        """Give the places of the series that are tested."""
        names = dict.fromkeys(self.asked.entities)
        found = [entity_index(self.reading, name, "entities") for name in names]
        return found or list(range(len(self.reading.media)))

    @property
    def are_some(self) -> bool:
        """Whether others are left to compare with."""
        return len(self.entities) < len(self.reading.media)

    @property
    def grade(self) -> Grade:
        """Say how much its design can rule out."""
        return self.asked.grade or ("geo" if self.are_some else "interrupted")

    @cached_property
    def every(self) -> int:
        """Say every how many-th draw is used."""
        return max(len(self.reading.media[0].sigma) // _MOST_DRAWS, 1)

    @cached_property
    def activity(self) -> "Array":
        """Give activity in every period, `(entities, periods, channels)`, as it was measured."""
        import numpy as np

        lags = self.reading.study.features.form.spec.lags
        return np.stack([self.reading.activity[entity][lags:] for entity in self.entities])

    @property
    def recent(self) -> slice:
        """Give the periods that say what is usual."""
        return slice(-QUARTER[self.reading.study.panel.grain], None)

    @cached_property
    def usual(self) -> "Array":
        """Give usual activity, `(entities, channels)`."""
        return self.activity[:, self.recent].mean(axis=1)

    @cached_property
    def noise(self) -> float:
        """Give the sd of what the mix leaves unexplained in a period, over what is tested."""
        import numpy as np

        if self.asked.noise is not None:
            return self.asked.noise
        features = self.reading.study.features
        off = features.sales[self.entities, : features.fitted].sum(axis=0)
        for entity in self.entities:
            one, terms = self.reading.media[entity], self.reading.terms[entity]
            expected = one.sales(one.baseline + terms.sum(2))
            off = off - expected[:, : features.fitted].mean(axis=0)
        return float(np.nanstd(off, ddof=1))

    @cached_property
    def ground(self) -> "Ground":
        """Give what tests are planned on."""
        from dataclasses import replace

        first, *others = (self._ground(place) for place in range(len(self.entities)))
        return replace(first, beside=tuple(others))

    def _ground(self, place: int) -> "Ground":
        """Give that of one series; channels without spend cost nothing and are left out."""
        import numpy as np

        from pymc_vibes.stats.media_next import Ground
        from pymc_vibes.stats.media_response import MediaResponse, expected_log

        entity = self.entities[place]
        media = self.reading.media[entity].thinned(self.every)
        usual = self.usual[place] / media.scale
        spend = self.reading.study.features.spend[entity][self.recent].mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            cost = np.nan_to_num(spend / usual, nan=0.0, posinf=0.0)
        latest = slice(-self.reading.usual, None)
        level = media.baseline[:, latest].mean(axis=1, keepdims=True)
        return Ground(
            response=MediaResponse.of(media),
            activity=usual,
            cost=np.where(self.reading.paid, cost, 0.0),
            returns=self.reading.roas[:: self.every],
            noise=self.noise,
            grade=self.grade,
            level=expected_log(media, level)[:, 0] if media.link == "log" else None,
        )

    def is_beyond(self, trial: "Trial") -> bool:
        """Say whether a test needs far more activity than was ever seen."""
        most = self.activity[:, :, trial.channel].max(axis=1)
        return bool((trial.factor * self.usual[:, trial.channel] > _BEYOND * most).any())


def ranked_of(bench: Bench) -> "list[Prospect]":
    """Rank the tests; `BadConfig` where there is none, or too many."""
    from pymc_vibes.stats.media_next import Trial, next_experiments

    wanted = channel_indices(bench.reading, bench.asked.channels, "channels")
    kept = [c for c in wanted if bench.reading.paid[c]]
    factors, periods = sorted({*bench.asked.factors}), sorted({*bench.asked.periods})
    trials = [Trial(channel=c, factor=f, periods=n) for c in kept for f in factors for n in periods]
    if len(trials) > _MOST_TRIALS:
        raise BadConfig(
            f"{len(trials):,} tests are too many to compare; at most {_MOST_TRIALS}.",
            hint="Name channels, or compare fewer factors and periods.",
            fields=[{"field": "channels", "reason": "make too many tests"}],
        )
    found = next_experiments(bench.ground, trials, prob=bench.reading.config.level)
    if not found:
        raise BadConfig(
            "No test of these channels can be planned: no money was spent on them of late, or the "
            "tests change nothing.",
            hint="Name other channels, or factors other than 1.",
            fields=[{"field": "channels", "reason": "have no test"}],
        )
    return found


def advised_of(bench: Bench, ranked: "list[Prospect]") -> "Prospect | None":
    """Give the first that teaches enough and needs nothing that was never seen."""
    return next(
        (
            one
            for one in ranked
            if narrowing(one) >= bench.asked.least and not bench.is_beyond(one.trial)
        ),
        None,
    )


def narrowing(prospect: "Prospect") -> float:
    """Give the share by which the interval of a return is expected to become narrower."""
    return prospect.reduction / prospect.width if prospect.width else 0.0
