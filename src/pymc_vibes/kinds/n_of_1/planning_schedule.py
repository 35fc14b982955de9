"""A schedule, drawn so that every admissible one has the same chance."""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.core.instant import Instant
from pymc_vibes.kinds.n_of_1 import planning_rules as rules
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.planning_rules import TITLES, DesignName

if TYPE_CHECKING:
    from pymc_vibes.stats.schedules import Rules

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Schedule(Parameters):
    """Which schedule to draw."""

    days: int = rules.days_setting()
    design: DesignName | None = setting(
        None, "How it is drawn. Open: as the settings say, else randomized pairs of days."
    )
    period_days: int = rules.period_setting()
    start: Instant | None = setting(None, "The first day of the trial, for dates.")
    seed: int | None = setting(
        None, "Seed in place of the design's and the settings' own.", ge=0, le=2**63 - 1
    )


def schedule(config: NOf1Config, asked: Schedule) -> QueryAnswer:
    """Draw a schedule: uniform over all that the rules admit, the same for the same seed."""
    from pymc_vibes.stats.schedules import Schedules, analyzed_days

    name: DesignName = asked.design or ("own" if config.design else "pairs")
    admitted = Schedules(rules.rules_of(name, asked.days, asked.period_days, config))
    own = config.design.seed if config.design else None
    seed = next(one for one in (asked.seed, own, config.seed) if one is not None)
    drawn = admitted.draw(1, seed)[0]
    number = admitted.number_of(drawn)
    counts = analyzed_days(drawn, config.washout_days)
    treatments = _treatments(name, config)
    rows = list(_rows([treatments[one] for one in drawn], counts.tolist(), asked.start))
    first = treatments[drawn[0]]
    return QueryAnswer(
        summary=Summary(
            headline=f"{len(drawn)} days, beginning with {first}: schedule "
            f"{rules.counted((number or 0) + 1)} of {rules.counted(admitted.count)} that "
            f"{TITLES[name]} may give, drawn with seed {seed}; each had the same chance.",
            findings=tuple(_findings(asked, len(drawn), name, admitted.count)),
            tables=(_table(rows),),
        ),
        figures=(_picture([row[3] for row in rows]),),
        data={
            "design": name,
            "seed": seed,
            "number": str(number),
            "schedules": str(admitted.count),
            "treatments": [row[3] for row in rows],
            "analyzed": [row[4] == "yes" for row in rows],
            "rules": _rules(admitted.rules, treatments, seed),
            "csv": _csv(rows),
        },
    )


def _treatments(name: DesignName, config: NOf1Config) -> Sequence[str]:
    return rules.names_of(config) if name == "own" else rules.names_of(config)[:2]


type _Row = tuple[int, str | None, str | None, str, str]


def _rows(given: Sequence[str], counts: Sequence[bool], start: Instant | None) -> list[_Row]:
    found: list[_Row] = []
    for day, (treatment, is_counted) in enumerate(zip(given, counts, strict=True)):
        when: date | None = start.date() + timedelta(days=day) if start else None
        named = None if when is None else _WEEKDAYS[when.weekday()]
        iso = None if when is None else when.isoformat()
        found.append((day + 1, iso, named, treatment, "yes" if is_counted else "wash-out"))
    return found


def _findings(asked: Schedule, days: int, name: DesignName, many: int) -> list[Finding]:
    found = []
    if days < asked.days:
        found.append(
            Finding(
                code="days-left-over", severity="note",
                text=f"{asked.days - days} of {asked.days} days make no whole block or slot and "
                "are left out.",
            )
        )  # fmt: skip
    if many < 20:
        found.append(
            Finding(
                code="few-schedules", severity="warning",
                text=f"Chance has {many} schedules to choose from, so a randomization test of this "
                f"trial cannot go below p {1 / many:.2g}.",
            )
        )  # fmt: skip
    if name == "ab":
        found.append(
            Finding(
                code="ab", severity="warning",
                text="With one change of treatment a drift looks like an effect.",
            )
        )  # fmt: skip
    return found


def _table(rows: Sequence[_Row]) -> Table:
    is_washed = any(row[4] != "yes" for row in rows)
    kept = [0, *((1, 2) if rows[0][1] is not None else ()), 3, *((4,) if is_washed else ())]
    columns = ("day", "date", "weekday", "treatment", "counts")
    return Table(
        name="schedule",
        title="What to give on which day",
        columns=tuple(columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in rows),
    )


def _rules(drawn: "Rules", treatments: Sequence[str], seed: int) -> dict[str, JsonValue]:
    """Give the rules as the setting `design` takes them."""
    order: list[JsonValue] | None = None
    if drawn.order is not None:
        order = [treatments[one] for one in drawn.order]
    return {
        "slot_days": drawn.slot_days,
        "min_run": drawn.min_run,
        "max_run": drawn.max_run,
        "max_imbalance": drawn.max_imbalance,
        "block": drawn.block,
        "order": order,
        "seed": seed,
    }


def _csv(rows: Sequence[_Row]) -> str:
    """Write the schedule as a file to fill in: the column `outcome` is empty."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(("timestamp", "treatment", "trial_day", "counts", "outcome"))
    lines.writerows((row[1] or "", row[3], row[0], row[4], "") for row in rows)
    return written.getvalue()


def _picture(given: Sequence[str]) -> Figure:
    runs, day = [], 0
    for treatment, days in groupby(given):
        many = len(list(days))
        runs.append((treatment, day + 0.5, day + many + 0.5))
        day += many
    names = sorted(set(given), key=given.index)
    columns = {
        "label": tuple(run[0] for run in runs),
        "low": tuple(run[1] for run in runs),
        "high": tuple(run[2] for run in runs),
        "series": tuple(names.index(run[0]) for run in runs),
    }
    return Figure(
        name="schedule",
        title=f"{len(runs)} periods in {day} days",
        alt=f"A bar for each of {len(runs)} periods over the days of the trial, a row for each of "
        f"{', '.join(names)}.",
        spec=FigureSpec(
            x=Axis(label="day"),
            y=Axis(label="", kind="category"),
            series=tuple(names),
            tables={"periods": columns},
            marks=(
                Mark(kind="interval", table="periods", low="low", high="high", y="label",
                     by="series", weight="heavy"),
            ),
        ),
    )  # fmt: skip
