"""Questions whose answers are kept in order: each is made once, knowing those before it.

A journal belongs to an experiment and a question, whatever version of the kind made its entries:
what was seen stays seen. An entry's name is the key of the answer that it was asked of, with its
parameters, so that asking again gives the same entry, also after the cache was cleared. Two who ask
at once are put in order by the store; whoever comes second thinks again with the other's entry.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Entry, QueryAnswer
from pymc_vibes.core.config import Parameters
from pymc_vibes.core.kind import JournalQuery
from pymc_vibes.service import keys
from pymc_vibes.service.compute import Analysis
from pymc_vibes.store.journals import Kept

if TYPE_CHECKING:
    from pymc_vibes.store.journals import Journals


def scope_of(owner: str, query: JournalQuery[Any, Any]) -> str:
    """Name the journal of an experiment's question."""
    return f"{owner}/{query.slug}"


def entries(journals: "Journals", scope: str) -> tuple[QueryAnswer, ...]:
    """Give the entries of a journal, oldest first."""
    return tuple(_read(kept) for kept in journals.entries(scope))


def next_entry(
    journals: "Journals",
    scope: str,
    query: JournalQuery[Any, Any],
    analysis: Analysis,
    asked: Parameters,
) -> QueryAnswer:
    """Give the entry that is kept of this posterior and these parameters, or make it."""
    name = keys.digest(
        {"key": analysis.answer.provenance.key, "asked": asked.model_dump(mode="json")}
    )
    while True:  # each turn but the last means that somebody else has added an entry
        past = journals.entries(scope)
        for kept in past:
            if kept.name == name:
                return _read(kept)
        before = tuple(_read(kept) for kept in past)
        answer = query.answer(analysis.posterior, analysis.config, asked, before)
        answer = answer.model_copy(update={"origin": analysis.answer.origin})
        made = Kept(
            number=len(past) + 1,
            name=name,
            created=datetime.now(UTC),
            value=answer.model_dump(mode="json", exclude={"entry"}),
        )
        if journals.append(scope, made):
            return _read(made)


def _read(kept: Kept) -> QueryAnswer:
    answer = QueryAnswer.model_validate(dict(kept.value))
    entry = Entry(number=kept.number, created=kept.created)
    return answer.model_copy(update={"entry": entry})
