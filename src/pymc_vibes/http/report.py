"""The answer as one file: opens without a server, prints, and holds no script.

Everything is inside: style, figures as SVG, the numbers, the diagnostics, and what it takes to
compute the answer again.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pymc_vibes.http import asking, view

if TYPE_CHECKING:
    from pymc_vibes.core.answer import Answer
    from pymc_vibes.core.kind import Kind
    from pymc_vibes.core.run import Run
    from pymc_vibes.service import Analysis

_PROLOG = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_TAG = re.compile(r"<[^<>]+>")
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^")]+)')


def render_report(run: "Run", analysis: "Analysis") -> str:
    """Give the report of a finished run."""
    from pymc_vibes.stats.draw import to_svg

    drawn = {figure.name: inline(to_svg(figure), figure.name) for figure in analysis.answer.figures}
    return render_answer(analysis.answer, drawn, analysis.kind, config=run.config)


def render_answer(
    answer: "Answer", drawn: Mapping[str, Markup], kind: "Kind[Any]", *, config: Mapping[str, Any]
) -> str:
    """Give the report of an answer whose figures are drawn already."""
    chosen = {name: value for name, value in config.items() if value is not None}
    style = (view.HERE / "static" / "report.css").read_text(encoding="utf-8")
    return (
        view.environment()
        .get_template("report.html")
        .render(
            answer=answer,
            kind=kind,
            drawn=drawn,
            style=Markup(style),  # noqa: S704  # a file of ours
            command=asking.command_line(answer.experiment, chosen),
        )
    )


def inline(svg: bytes | str, name: str) -> Markup:
    """Make a drawn SVG fit to stand inside a page beside others: no prolog, ids of its own."""
    text = svg.decode("utf-8") if isinstance(svg, bytes) else svg
    bare = _METADATA.sub("", _PROLOG.sub("", text, count=1))
    used = {found[1] for found in _REFERENCE.findall(bare)}

    def renamed(tag: re.Match[str]) -> str:
        kept = _ID.sub(lambda at: f' id="{name}-{at[1]}"' if at[1] in used else "", tag[0])
        return _REFERENCE.sub(rf"\1{name}-\2", kept)

    # written by our own drawer, which escapes its text
    return Markup(_TAG.sub(renamed, bare))  # noqa: S704
