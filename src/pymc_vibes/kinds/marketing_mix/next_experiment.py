"""The question which channel to test next: what a test teaches, for the money that it moves."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Decision, Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.marketing_mix.asking import trusted
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.messages import listed, many
from pymc_vibes.kinds.marketing_mix.trials import (
    Bench,
    ExperimentsAsked,
    advised_of,
    narrowing,
    ranked_of,
)
from pymc_vibes.kinds.marketing_mix.words import money, per_money_words
from pymc_vibes.stats.describe import percent, plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.stats.media_next import Prospect


def next_experiment(
    posterior: Posterior, config: MarketingMixConfig, asked: ExperimentsAsked
) -> QueryAnswer:
    """Rank tests by how much narrower they are expected to make a return, for the money moved."""
    reading = trusted(posterior, config)
    bench = Bench(reading, asked)
    ranked = ranked_of(bench)
    advised = advised_of(bench, ranked)
    table = _table(bench, ranked)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(bench, ranked, advised),
            decision=_decision(bench, advised),
            findings=tuple(_findings(bench, advised)),
            tables=(table,),
            context={"noise": bench.noise, "grade": bench.grade, "entities": _where(bench)},
        ),
        figures=_figures(bench, ranked),
        data={
            "advised": None if advised is None else _as_data(bench, advised),
            "tests": [_as_data(bench, one) for one in ranked],
        },
    )


def _test_words(bench: Bench, prospect: "Prospect") -> str:
    """Say what is done in a test."""
    trial, grain = prospect.trial, bench.reading.study.panel.grain
    name = bench.reading.channels[trial.channel]
    named = {0.0: "no", 0.5: "half the usual", 2.0: "twice the usual"}
    amount = named.get(trial.factor, f"{trial.factor:g} times the usual")
    return f"{amount} {name} for {many(trial.periods, grain)}"


def _where(bench: Bench) -> "list[JsonValue]":
    return [bench.reading.study.panel.entities[entity] for entity in bench.entities]


def _headline(bench: Bench, ranked: "list[Prospect]", advised: "Prospect | None") -> str:
    if advised is None:
        best = max(ranked, key=narrowing)
        return (
            f"None of these tests is advised: even {_test_words(bench, best)}, which teaches most, "
            f"makes the interval of a return only {percent(narrowing(best), 2)} narrower."
        )
    name = bench.reading.channels[advised.trial.channel]
    place = f" in {listed(_where(bench), 3)}" if bench.are_some else ""
    return (
        f"Test {name} next{place}: {_test_words(bench, advised)} moves "
        f"{money(bench.reading, advised.money)} and is expected to make the interval of its return "
        f"{percent(narrowing(advised), 2)} narrower, {plain(advised.width_after)} instead of "
        f"{plain(advised.width)} wide."
    )


def _decision(bench: Bench, advised: "Prospect | None") -> Decision:
    if advised is None:
        return Decision(
            action="test longer or harder", tone="undecided",
            reason=f"None makes a return's interval narrower by {percent(bench.asked.least)} "
            "within what was seen.",
        )  # fmt: skip
    return Decision(
        action=f"try {_test_words(bench, advised)}", tone="none",
        reason="It teaches most about a return for each unit of money that it moves.",
    )  # fmt: skip


def _findings(bench: Bench, advised: "Prospect | None") -> Iterator[Finding]:
    from pymc_vibes.stats.media_experiments import SD_FACTORS

    name, factor = bench.reading.config.sales_name, SD_FACTORS[bench.grade]
    yield Finding(
        code="assumed-noise", severity="note",
        text=f"A period's {name} are compared with an sd of {plain(bench.noise)}, errors of "
        f"periods are independent, and they count {factor:g} times for a test of grade "
        f"{bench.grade}.",
    )  # fmt: skip
    yield Finding(
        code="expected-only", severity="note",
        text="What a test teaches is computed from this fit, before the test. Where the fit is "
        "wrong about a channel, a test of it teaches more than is said here.",
    )  # fmt: skip
    if advised is not None and abs(advised.lift) < 2 * advised.lift_sd:
        yield Finding(
            code="faint", severity="note",
            text=f"The expected difference, {plain(advised.lift)} {name}, is less than twice the "
            f"error of its measurement, {plain(advised.lift_sd)}.",
        )  # fmt: skip


_THOUSAND = 1000.0  # of money: for one unit of it the numbers would have too many zeros
_COLUMNS = (
    "channel", "factor", "periods", "money_moved", "expected_lift", "lift_sd", "width",
    "width_after", "narrowing", "narrowing_per_thousand", "is_beyond_seen",
)  # fmt: skip


def _row(bench: Bench, one: "Prospect") -> "tuple[JsonValue, ...]":
    return (
        bench.reading.channels[one.trial.channel], one.trial.factor, one.trial.periods, one.money,
        one.lift, one.lift_sd, one.width, one.width_after, narrowing(one),
        _THOUSAND * one.per_money, bench.is_beyond(one.trial),
    )  # fmt: skip


def _as_data(bench: Bench, one: "Prospect") -> "dict[str, JsonValue]":
    return dict(zip(_COLUMNS, _row(bench, one), strict=True))


def _table(bench: Bench, ranked: "list[Prospect]") -> Table:
    config = bench.reading.config
    unit, cash, per = config.sales_name, config.currency, per_money_words(bench.reading)
    return Table(
        name="tests",
        title="Tests, the one first whose interval becomes most narrower for each "
        f"1,000 {cash or 'units of money'} that it moves",
        columns=_COLUMNS,
        units=(
            "",
            "",
            "periods",
            cash,
            unit,
            unit,
            per,
            per,
            "share",
            f"{per} per 1,000 {cash}".rstrip(),
            "",
        ),
        rows=tuple(_row(bench, one) for one in ranked),
    )


def _figures(bench: Bench, ranked: "list[Prospect]") -> tuple[Figure, ...]:
    """Draw the test of each channel that teaches most."""
    from pymc_vibes.stats.chart import bars

    best: dict[int, Prospect] = {}
    for one in ranked:
        known = best.get(one.trial.channel)
        if known is None or narrowing(one) > narrowing(known):
            best[one.trial.channel] = one
    drawn = sorted(best.values(), key=narrowing, reverse=True)
    words = f"{_test_words(bench, drawn[0])} teaches most: {percent(narrowing(drawn[0]), 2)}"
    return (
        bars(
            "tests",
            words[0].upper() + words[1:],
            "For each channel the test that makes the interval of its return narrowest, and by "
            f"what share. {words[0].upper()}{words[1:]}.",
            labels=[_test_words(bench, one) for one in drawn],
            values=[narrowing(one) for one in drawn],
            x_label="share by which the interval becomes narrower", x_format="percent",
        ),
    )  # fmt: skip
