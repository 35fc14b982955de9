"""Rules about rows: what stands in them, and where they are in time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pymc_vibes.kinds.marketing_mix.canonical import Columns
from pymc_vibes.kinds.marketing_mix.combining import is_known
from pymc_vibes.kinds.marketing_mix.config import MarketingMixConfig
from pymc_vibes.kinds.marketing_mix.grain import ORDER, Rhythm, rhythm
from pymc_vibes.kinds.marketing_mix.messages import Message, day_of, listed, many, places

if TYPE_CHECKING:
    import numpy as np

_SEASON_DAYS = (1, 2, 8, 9)  # between the last week of a year and a first one on January 1


def row_messages(columns: Columns, config: MarketingMixConfig) -> Iterator[Message]:
    """Say what is wrong with rows; needs at least one."""
    yield from _unreadable(columns)
    yield from _duplicates(columns, config)
    yield from _negative(columns)
    yield from _missing(columns)
    yield from _grain(columns, rhythm(columns.who, columns.day))


def _unreadable(columns: Columns) -> Iterator[Message]:
    import numpy as np

    at = np.flatnonzero(columns.values["unreadable"] > 0)
    if len(at):
        yield Message(
            code="not-a-number",
            severity="error",
            text=f"{many(len(at), 'row')} hold text where a number is needed.",
            hint="Write numbers without currency signs or thousands separators, events and "
            "holidays as 0 or 1.",
            count=len(at),
            places=places(at, columns.entities, columns.who, columns.day),
        )


def _duplicates(columns: Columns, config: MarketingMixConfig) -> Iterator[Message]:
    import numpy as np

    rows = columns.values["rows"]
    at = np.flatnonzero(rows > 1)
    if not len(at):
        return
    is_refused = config.duplicates == "refuse"
    yield Message(
        code="duplicate-rows",
        severity="error" if is_refused else "warning",
        text=f"{many(len(at), 'date')} of an entity "
        + (f"{'has' if len(at) == 1 else 'have'} more than one row.")
        + ("" if is_refused else " Sales and media are added up, controls averaged."),
        hint="Remove the rows that are there twice, or set duplicates to sum if they are parts."
        if is_refused
        else "",
        count=len(at),
        places=places(at, columns.entities, columns.who, columns.day, column="rows", values=rows),
    )


def _negative(columns: Columns) -> Iterator[Message]:
    import numpy as np

    for name in columns.roles.media:
        values = columns.values[name]
        at = np.flatnonzero(values < 0)
        if len(at):
            yield Message(
                code="negative-media",
                severity="error",
                text=f"{name} is negative in {many(len(at), 'row')}.",
                hint="Book refunds and corrections in the period they belong to, or leave them "
                "out.",
                columns=(name,),
                count=len(at),
                places=places(
                    at, columns.entities, columns.who, columns.day, column=name, values=values
                ),
            )


def _missing(columns: Columns) -> Iterator[Message]:
    import numpy as np

    known = is_known(columns.values["sales"])
    for name in (*columns.roles.media, *columns.roles.controls):
        lost = np.flatnonzero(~is_known(columns.values[name]))
        if not len(lost):
            continue
        is_empty = len(lost) == len(known)
        instead = "none" if name in columns.roles.media else "the last known value"
        yield Message(
            code="empty-column" if is_empty else "missing-values",
            severity="error" if is_empty else "warning",
            text=f"{name} has no value at all."
            if is_empty
            else f"{name} has no value in {many(len(lost), 'row')} "
            f"({len(lost) / len(known):.1%}): {instead} is taken.",
            hint="Leave the column out, or fill it.",
            columns=(name,),
            count=len(lost),
            places=places(lost, columns.entities, columns.who, columns.day, column=name),
        )
    yield from _masked(columns, known)


def _masked(columns: Columns, known: "np.ndarray") -> Iterator[Message]:
    import numpy as np

    entities = len(columns.entities)
    begin = np.full(entities, np.iinfo(np.int64).max)
    np.minimum.at(begin, columns.who[known], columns.day[known])
    end = np.full(entities, np.iinfo(np.int64).min)
    np.maximum.at(end, columns.who[known], columns.day[known])
    later = columns.day > begin[columns.who]
    inside = np.flatnonzero(~known & later & (columns.day < end[columns.who]))
    if len(inside):
        yield Message(
            code="missing-sales",
            severity="warning",
            text=f"{many(len(inside), 'row')} between known sales "
            f"{'has' if len(inside) == 1 else 'have'} none: they are left out of the fit, and "
            "their media still carry over.",
            hint="Write 0 where nothing was sold.",
            columns=("sales",),
            count=len(inside),
            places=places(inside, columns.entities, columns.who, columns.day, column="sales"),
        )
    after = np.flatnonzero(~known & (columns.day > end.max()))
    if len(after):
        yield Message(
            code="media-after-sales",
            severity="note",
            text=f"{many(len(after), 'row')} after the last sales "
            f"{'is' if len(after) == 1 else 'are'} left out.",
            count=len(after),
            places=places(after, columns.entities, columns.who, columns.day),
        )


def _grain(columns: Columns, found: Rhythm) -> Iterator[Message]:
    import numpy as np

    if found.grain is None:
        yield Message(
            code="unknown-grain",
            severity="error",
            text="The dates are neither days, weeks nor months apart.",
            hint="Give each row the first day of its period.",
        )
        return
    other = np.flatnonzero((found.own != ORDER.index(found.grain)) & (found.own != -2))
    if len(other):
        names = [columns.entities[i] for i in other.tolist()]
        yield Message(
            code="mixed-grain",
            severity="error",
            text=f"Most entities have a row a {found.grain}, but {listed(names)} "
            f"{'has' if len(names) == 1 else 'have'} another distance between rows.",
            hint="Bring all entities to the same length of period.",
            count=len(other),
        )
    yield from _irregular(columns, found)
    yield from _gaps(columns, found)
    yield from _weekdays(columns, found)


def _irregular(columns: Columns, found: Rhythm) -> Iterator[Message]:
    import numpy as np

    at = found.irregular
    if not len(at):
        return
    apart = columns.day[at] - columns.day[at - 1]
    years = np.array([day_of(day).year for day in columns.day[at].tolist()])
    before = np.array([day_of(day).year for day in columns.day[at - 1].tolist()])
    numbered = np.isin(apart, _SEASON_DAYS) & ((years != before) | (apart > 7))
    is_week_53 = found.grain == "week" and bool(numbered.mean() > 0.5)
    yield Message(
        code="week-53" if is_week_53 else "irregular-dates",
        severity="error",
        text="Weeks are numbered anew each January, so that one a year is shorter or longer."
        if is_week_53
        else f"{many(len(at), 'row')} lie no whole number of {found.grain}s after the one before, "
        f"first {columns.entities[columns.who[at[0]]]} at {day_of(columns.day[at[0]])}.",
        hint="Date each week by the same weekday, seven days after the one before."
        if is_week_53
        else "Dates of one entity need the same distance; correct or remove the odd ones.",
        count=len(at),
        places=places(at, columns.entities, columns.who, columns.day),
    )


def _gaps(columns: Columns, found: Rhythm) -> Iterator[Message]:
    if len(found.gaps):
        yield Message(
            code="gaps",
            severity="warning",
            text=f"{many(len(found.gaps), 'time')} a {found.grain} or more "
            f"{'is' if len(found.gaps) == 1 else 'are'} missing before a row: sales of these "
            "periods are unknown, their media none.",
            hint="Add the missing rows, with media if there were any.",
            count=len(found.gaps),
            places=places(found.gaps, columns.entities, columns.who, columns.day),
        )


def _weekdays(columns: Columns, found: Rhythm) -> Iterator[Message]:
    import numpy as np

    if found.grain != "week":
        return
    first = np.searchsorted(columns.who, np.arange(len(columns.entities)))
    begins = columns.day[first] % 7
    if len(set(begins.tolist())) > 1:
        yield Message(
            code="weeks-begin-apart",
            severity="warning",
            text="Weeks of different entities begin on different weekdays: they are counted as "
            "the week that holds their first day.",
            hint="Date all weeks by the same weekday.",
        )
