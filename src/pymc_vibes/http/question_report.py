"""The answer to a further question as one file: opens without a server, and holds no script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import Query
from markupsafe import Markup
from starlette.responses import HTMLResponse

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.http import asking, view
from pymc_vibes.http.examples import QUESTION_ANSWER, answers
from pymc_vibes.http.report import inline
from pymc_vibes.kinds import find_kind

AnswerForm = Annotated[
    Literal["json", "html"],
    Query(
        alias="format",
        description="JSON, or one HTML file that needs nothing else.",
        examples=["json"],
    ),
]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a report says of the question beside its answer."""

    kind: str
    question: str
    about: str
    slug: str
    experiment: str = ""
    """Empty where no experiment was asked."""
    command: str = ""

    @classmethod
    def of(
        cls,
        kind: str,
        slug: str,
        experiment: str = "",
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """Tell a question of a kind, and how to ask it again of the experiment."""
        found = find_kind(kind)
        query = found.query(slug)
        again = ""
        if experiment:
            again = asking.question_line(experiment, slug, parameters or {}, settings or {})
        return cls(
            kind=found.title,
            question=query.title,
            about=query.about,
            slug=slug,
            experiment=experiment,
            command=again,
        )


def may_be_html() -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI that an answer may come as a page."""
    told = answers(QUESTION_ANSWER)[200]["content"]
    return {200: {"description": "The answer.", "content": {"text/html": {}, **told}}}


def in_form(answer: QueryAnswer, form: str, told: Told) -> Any:
    """Give the answer itself, or the response that holds it as a file."""
    return answer if form == "json" else download(answer, told)


def download(answer: QueryAnswer, told: Told) -> HTMLResponse:
    """Give the report as a file to keep."""
    number = f"-{answer.entry.number}" if answer.entry else ""
    name = "-".join(part for part in (told.experiment, told.slug) if part) + number
    headers = {"Content-Disposition": f'attachment; filename="{name}.html"'}
    return HTMLResponse(render_question(answer, told), headers=headers)


def render_question(answer: QueryAnswer, told: Told) -> str:
    """Give the report as text."""
    from pymc_vibes.stats.draw import to_svg

    style = (view.HERE / "static" / "report.css").read_text(encoding="utf-8")
    return (
        view.environment()
        .get_template("question_report.html")
        .render(
            answer=answer,
            told=told,
            drawn={figure.name: inline(to_svg(figure), figure.name) for figure in answer.figures},
            style=Markup(style),  # noqa: S704  # a file of ours
        )
    )
