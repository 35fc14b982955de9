"""The report of a trial after CENT 2015: what is known fills it in, the rest is named."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.n_of_1.cent_content import contents, is_binary
from pymc_vibes.kinds.n_of_1.cent_items import ITEMS, Item
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.pictures import figures
from pymc_vibes.kinds.n_of_1.reading import Reading, reading_of
from pymc_vibes.kinds.n_of_1.tables import tables

type Status = Literal["filled", "yours to write", "missing", "does not apply"]

_RESULTS = ("effects", "people", "periods", "cycles", "calendar", "models")


class Report(Parameters):
    """The report has no parameters: its texts are the setting `protocol`."""


@dataclass(frozen=True)
class _Row:
    item: Item
    status: Status
    content: str


def cent(posterior: Posterior, config: NOf1Config, asked: Report) -> QueryAnswer:
    """Fill in the checklist from data, settings and the texts of `protocol`."""
    del asked
    reading = reading_of(posterior, config)
    rows = tuple(_rows(reading))
    counts = Counter(row.status for row in rows)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(counts, config),
            findings=tuple(_findings(rows)),
            tables=(
                *_checklist(rows),
                *(table for table in tables(reading) if table.name in _RESULTS),
            ),
        ),
        figures=figures(posterior, config),
        data={
            "counts": dict(counts),
            "items": [
                {
                    "number": row.item.number, "section": row.item.section,
                    "asks": row.item.asks, "status": row.status, "content": row.content,
                    "text": row.item.field,
                }
                for row in rows
            ],
        },
    )  # fmt: skip


def _rows(reading: Reading) -> Iterator[_Row]:
    known, texts = contents(reading), reading.config.protocol.model_dump()
    for item in ITEMS:
        if not _applies(item, reading):
            yield _Row(item, "does not apply", _WHY_NOT[item.scope])
            continue
        written = texts.get(item.field) if item.field else None
        found = known.get(item.number)
        status = _status(item, written, found)
        advice = None if status == "filled" else _advice(item, has_more=bool(found))
        yield _Row(item, status, " ".join(part for part in (written, found, advice) if part))


_WHY_NOT: Mapping[str, str] = {
    "any": "",
    "series": "Asked of a series of trials only.",
    "binary": "The outcome is not of the yes-or-no kind.",
}


def _applies(item: Item, reading: Reading) -> bool:
    if item.scope == "series":
        short: Mapping[str, object] = reading.posterior.constants["too_few"]
        return reading.people > 1 or bool(short)
    return item.scope == "any" or is_binary(reading)


def _status(item: Item, written: str | None, found: str | None) -> Status:
    if item.field is None:
        return "filled" if found else "missing"
    if written or (item.number in _EITHER and found):
        return "filled"
    return "yours to write"


_EITHER = frozenset({"7a"})
"""Items that the settings answer where nobody has written a text."""


def _advice(item: Item, *, has_more: bool) -> str:
    """Say how to fill in the item, or the rest of it."""
    if item.field is not None:
        return f"Write {'the rest' if has_more else 'it'} as protocol.{item.field}."
    return _MISSING[item.number]


_MISSING: Mapping[str, str] = {
    "8a": "Set design to the rules and the seed that the sequence was drawn with, as the "
    "question schedule gives them; where nobody drew it, say so in protocol.limitations.",
    "8b": "Set design: its runs, blocks and balance are the restrictions.",
}


def _headline(counts: Mapping[Status, int], config: NOf1Config) -> str:
    title = f"{config.protocol.title}: " if config.protocol.title else ""
    left = counts.get("missing", 0)
    return (
        f"{title}{counts['filled']} of {len(ITEMS)} parts of the CENT 2015 checklist are "
        f"filled in, {counts.get('yours to write', 0)} are yours to write, {left} "
        f"{'is' if left == 1 else 'are'} missing, and {counts.get('does not apply', 0)} do not "
        "apply."
    )


def _findings(rows: tuple[_Row, ...]) -> Iterator[Finding]:
    for row in rows:
        if row.status == "missing":
            yield Finding(
                code=f"missing-{row.item.number}", severity="warning",
                text=f"Item {row.item.number} is missing. {row.content}",
            )  # fmt: skip
    fields = dict.fromkeys(
        row.item.field for row in rows if row.status == "yours to write" and row.item.field
    )
    if fields:
        yield Finding(
            code="yours-to-write", severity="note",
            text=f"Only you can write these texts of protocol: {', '.join(fields)}.",
        )  # fmt: skip
    yield Finding(
        code="own-words", severity="note",
        text="Items are put in our words; the checklist itself is in BMJ 2015;350:h1738.",
    )  # fmt: skip


def _checklist(rows: tuple[_Row, ...]) -> Iterator[Table]:
    """Give a table for each section of a report."""
    for section, group in groupby(rows, key=lambda row: row.item.section):
        yield Table(
            name=section.lower().replace(" ", "_"),
            title=section,
            columns=("item", "asks_for", "status", "content"),
            rows=tuple((row.item.number, row.item.asks, row.status, row.content) for row in group),
        )
