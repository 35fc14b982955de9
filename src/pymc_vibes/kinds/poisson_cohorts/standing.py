"""A ranking of cohorts in words, tables and numbers."""

from dataclasses import dataclass
from typing import Any

from pymc_vibes.core.answer import Claim, Finding, Table
from pymc_vibes.stats.decide import best_tone


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The best cohorts of an event, best first; lists align with `labels`."""

    labels: tuple[str, ...]
    total: int
    """Cohorts there are."""
    leader: str
    """The likeliest to be best of all; the first where too many could be."""
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
