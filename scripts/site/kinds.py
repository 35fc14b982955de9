"""Two pages for each kind: how its answer is computed, and its columns, settings and questions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymc_vibes.core.kind import Kind, Query
from pymc_vibes.core.schema import Column, Pattern, Schema
from pymc_vibes.kinds import catalog
from scripts.site.fields import field_list
from scripts.site.markdown import amount, code, definition, heading, noted, page, plain, table

_OWN = "pymc_vibes."
_WHERE = {
    "posterior": "It is asked of a finished answer.",
    "config": "It needs settings only, no data yet.",
    "journal": "Its answers are kept for good, in order.",
}


def own_kinds() -> tuple[Kind[Any], ...]:
    """Give the kinds of this package, without those that others have installed here."""
    return tuple(k for k in catalog().values() if k.config.__module__.startswith(_OWN))


def kind_pages(docs: Path) -> Iterator[tuple[str, str]]:
    """Give path and text of the pages of every kind."""
    for kind in own_kinds():
        written = docs / "answers" / f"{kind.slug}.md"
        text = written.read_text("utf-8") if written.exists() else heading(kind.title)
        yield f"answers/{kind.slug}.md", _explanation(kind, text)
        yield f"reference/kinds/{kind.slug}.md", _reference(kind)
    rows = [
        (f"[{code(k.slug)}](kinds/{k.slug}.md)", k.question, f"[{k.title}](../answers/{k.slug}.md)")
        for k in own_kinds()
    ]
    told = "Columns, settings and questions, as the code declares them."
    listed = table(("kind", "question", "how it is computed"), rows)
    yield "reference/kinds.md", page(heading("Kinds"), told, listed)


def _explanation(kind: Kind[Any], written: str) -> str:
    """Put the model of the code before what was written about trusting it."""
    title, _, trust = written.partition("\n")
    parts = _parts(kind.about)
    return page(
        title,
        f"*{kind.question}*",
        heading("How it is computed", 2),
        parts["model"],
        heading("Assumptions", 2),
        parts["assumptions"],
        trust.strip(),
        heading("References", 2),
        parts["references"],
        f"Columns, settings and questions: [reference](../reference/kinds/{kind.slug}.md). "
        f"An example with every step: [notebook](../notebooks/{kind.slug}.ipynb).",
    )


def _parts(about: str) -> dict[str, str]:
    """Part the text of a kind into model, assumptions and references."""
    found: dict[str, list[str]] = {"model": [], "assumptions": [], "references": []}
    for paragraph in about.strip().split("\n\n"):
        first = re.match(r"(Assumptions|References): ", paragraph)
        if first:
            found[first[1].lower()].append(_capital(paragraph[first.end() :]))
        else:
            found["model"].append(paragraph)
    return {name: "\n\n".join(paragraphs) for name, paragraphs in found.items()}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _reference(kind: Kind[Any]) -> str:
    return page(
        heading(f"{kind.slug}: columns, settings, questions"),
        f"{kind.title}: {kind.question} "
        f"[How it is computed](../../answers/{kind.slug}.md) is a page of its own.",
        heading("Columns", 2),
        _columns(kind.schema),
        heading("Settings", 2),
        f"On the command line `vibes analyze NAME --level 0.9` or `--set level=0.9`, over HTTP "
        f"the body of the run; `vibes analyze --type {kind.slug} --help` shows them too. "
        "Inside a setting a dot leads on: `--set prior.kind=mean`. "
        "A setting without a default is open: the data or the model settle it.",
        field_list(kind.config.model_json_schema()),
        *(part for query in kind.queries for part in _question(query)),
    )


def _columns(schema: Schema) -> str:
    choices = " or ".join(" and ".join(map(code, group)) for group in schema.one_of)
    limits = [f"{code(low)} is at most {code(high)}." for low, high in schema.at_most]
    return page(
        *map(_column, schema.columns),
        *map(_pattern, schema.patterns),
        f"Every row has {choices}." if choices else "",
        " ".join(limits),
    ).rstrip()


def _column(column: Column) -> str:
    needed = "in every row" if column.required else "needed" if column.expected else ""
    others = ", ".join(map(code, column.aliases))
    also = f"also called {others}" if others else ""
    return definition(code(column.name), (column.type, column.role, needed, also), _meaning(column))


def _pattern(pattern: Pattern) -> str:
    return definition(code(f"{pattern.prefix}*"), (pattern.type, pattern.role), _meaning(pattern))


def _meaning(column: Column | Pattern) -> str:
    is_open = isinstance(column, Column) and column.low_open
    notes = [
        f"in {column.unit}" if isinstance(column, Column) and column.unit else "",
        f"{'more than' if is_open else 'at least'} {amount(column.low)}"
        if column.low is not None
        else "",
        f"at most {amount(column.high)}" if column.high is not None else "",
    ]
    return noted(plain(column.about), *notes)


def _question(query: Query[Any]) -> Iterator[str]:
    yield heading(f"Question: {query.slug}", 2)
    yield f"{plain(query.about)} {_WHERE[query.on]}"
    yield field_list(query.parameters.model_json_schema()) or "It has no parameters."
