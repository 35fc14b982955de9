"""A ranking of cohorts in words, tables and numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Claim, Finding, Table
from pymc_vibes.kinds.poisson_cohorts.compare import chances_of_best, equally_likely
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.stats.decide import best_tone

if TYPE_CHECKING:
    import numpy as np

    from pymc_vibes.kinds.poisson_cohorts.view import Rates

MATRIX = 50  # cohorts in a matrix of pairs: more cannot be read


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The best cohorts of an event, best first; lists align with `labels`."""

    labels: tuple[str, ...]
    first: int
    """Where the leader stands in the order of the cells that were given."""
    total: int
    """Cohorts there are."""
    leader: str
    """The likeliest to be best of all; the first where too many could be."""
    equals: int
    """How many lead with the same chance."""
    lead: float | None
    """The chance that the leader is best of all; None where too many could be."""
    best: list[float] | None
    """P(best of all); None where too many could be."""
    expected: list[float]
    low: list[float]
    high: list[float]
    """Expected rank among the labels, and its interval."""
    pairs: list[list[float]]
    """P(row has a higher rate than column)."""

    def headline(self, event: str, most: str, rate: str) -> str:
        """Say who leads and how sure that is."""
        from pymc_vibes.stats.decide import chance

        words = f"{event}: {self.leader} leads {self.total:,} cohorts with {rate}"
        if self.equals > 1 and self.lead is not None:
            return (
                f"{event}: {self.equals:,} of {self.total:,} cohorts are equally likely to be "
                f"{most}, each with {rate} and a chance of {chance(self.lead)}."
            )
        if self.lead is None:
            return f"{words}; too many overlap to say which is {most}."
        return f"{words}; the chance that it is {most} is {chance(self.lead)}."

    def claims(self, event: str, most: str, level: float) -> tuple[Claim, ...]:
        """Claim the lead, with its probability."""
        if self.lead is None:
            return ()
        text = f"{self.leader} has the {most} rate of {event}."
        tone = best_tone(self.lead, level, "higher" if most == "highest" else "lower")
        return (Claim(text=text, probability=self.lead, tone=tone),)

    def findings(self) -> tuple[Finding, ...]:
        """Say that the ranking is cut, where it is."""
        if self.total == len(self.labels):
            return ()
        text = (
            f"Ranks and pairs are those of the first {len(self.labels)} of {self.total:,} cohorts; "
            "the chance of being first is that among all."
        )
        return (Finding(code="ranking-cut", severity="note", text=text),)

    def table(self) -> Table:
        """List chance and rank of each."""
        best = [None] * len(self.labels) if self.best is None else self.best
        return Table(
            name="ranks",
            title="Ranks",
            columns=("cohort", "chance of being first", "expected rank", "rank low", "rank high"),
            rows=tuple(zip(self.labels, best, self.expected, self.low, self.high, strict=True)),
            total=self.total,
        )

    def matrix(self) -> Table:
        """Give the chance that the row's rate is above the column's."""
        return Table(
            name="pairs",
            title="Chance that the row has a higher rate than the column",
            columns=("cohort", *self.labels),
            rows=tuple(
                (label, *row) for label, row in zip(self.labels, self._cells(), strict=True)
            ),
            total=self.total,
        )

    def _cells(self) -> list[list[float | None]]:
        return [
            [None if i == j else p for j, p in enumerate(row)] for i, row in enumerate(self.pairs)
        ]

    def data(self, event: str) -> dict[str, Any]:
        """Give the ranking for programs."""
        return {
            "event": event,
            "cohorts": list(self.labels),
            "total": self.total,
            "p_best": self.best,
            "expected_rank": self.expected,
            "rank_interval": [list(ends) for ends in zip(self.low, self.high, strict=True)],
            "pairwise": self._cells(),
        }


def standing_of(rates: "Rates", cells: "np.ndarray", config: RateConfig) -> Standing:
    """Rank the cohorts of an event, best rate first; ranks and pairs are those of the first 50."""
    from pymc_vibes.stats.best import pairwise, ranks

    shown = cells[:MATRIX]
    chosen = rates.distribution.take(shown)
    direction = config.direction or "higher"
    chances = chances_of_best(rates.distribution, cells, direction)
    top = 0 if chances is None else int(chances.argmax())
    order = ranks(chosen, direction, config.level)
    return Standing(
        labels=tuple(rates.cohort(int(cell)) for cell in shown),
        first=top,
        total=len(cells),
        leader=rates.cohort(int(cells[top])),
        equals=1 if chances is None else equally_likely(chances),
        lead=None if chances is None else float(chances[top]),
        best=None if chances is None else chances[: len(shown)].tolist(),
        expected=order.expected.tolist(),
        low=order.low.tolist(),
        high=order.high.tolist(),
        pairs=pairwise(chosen).tolist(),
    )
