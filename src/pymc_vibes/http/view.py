"""From values to HTML: the template environment, the filters, and the page of a problem.

Everything a template prints is escaped; the only markup that comes from text is that of a kind's
own description, rendered without raw HTML. Numbers read as in the terminal and the report: the same
functions write them.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import (
    ExperimentNotFound,
    KindNotFound,
    NoAnswer,
    NotAuthenticated,
    QueryNotFound,
    RunNotFound,
    VibesError,
)
from pymc_vibes.core.experiment import Receipt
from pymc_vibes.core.instant import show
from pymc_vibes.core.run import Run
from pymc_vibes.core.schema import Column
from pymc_vibes.http import commands, grids, particulars
from pymc_vibes.http.narrow import narrow
from pymc_vibes.http.text import (
    DASH,
    cell,
    chance,
    compact,
    first_sentence,
    glued,
    is_numeric,
    plain,
    readable,
    sentence,
    several,
    shown,
)
from pymc_vibes.http.truths import truth_grid
from pymc_vibes.service import standing

HERE = Path(__file__).parent
THEMES = ("light", "dark")
_ANY = 1e12  # a bound that nobody meets is not worth saying
_PAGES = re.compile(r"(?<!\S)(/docs|/problems)(?!\S)")  # that hints name


def moment(value: datetime | str | None) -> Markup:
    """Write an instant as a `time` element, UTC."""
    if value is None:
        return Markup(DASH)  # noqa: S704  # a constant
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    markup = Markup('<time datetime="{}">{}</time>')
    return markup.format(instant.isoformat(), show(instant.replace(second=0, microsecond=0)))


def measures(diagnostics: Diagnostics) -> tuple[tuple[str, Any], ...]:
    """Name the diagnostics that a fit has."""
    r_hat = diagnostics.r_hat_max
    named = (
        # chains are judged by the third digit, so that 1 would say too little
        ("Largest R-hat", None if r_hat is None else f"{r_hat:.3f}"),
        ("Smallest bulk ESS", diagnostics.ess_bulk_min),
        ("Smallest tail ESS", diagnostics.ess_tail_min),
        ("Divergences", diagnostics.divergences),
        ("Smallest E-BFMI", diagnostics.ebfmi_min),
        ("Error, of a posterior sd", diagnostics.error_estimate),
    )
    return tuple((name, value) for name, value in named if value is not None)


def bounds(column: Column) -> str:
    """Say which values a column takes."""
    first, last = (
        None if end is None or abs(end) >= _ANY else end for end in (column.low, column.high)
    )
    low = "" if first is None else f"{'above' if column.low_open else 'from'} {first:g}"
    high = "" if last is None else f"to {last:g}"
    text = f"{low} {high}".strip()
    return f" {text[0].upper()}{text[1:]}." if text else ""


def bad_rows_of(receipt: Receipt) -> list[dict[str, Any]]:
    """Give the rejected rows the way a problem lists them."""
    return [row.model_dump() for row in receipt.bad_rows]


def embedded(document: str) -> Markup:
    """Make JSON text safe inside a script element of type application/json."""
    for sign in ("&", "<", ">", "\u2028", "\u2029"):
        document = document.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(document)  # noqa: S704  # no character that could end the element is left


@cache
def prose(text: str) -> Markup:
    """Render a description written in light Markdown; raw HTML in it shows as text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704  # html is off


@cache
def brief(text: str) -> Markup:
    """Render one line of light Markdown: code and emphasis, no block."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink"])
    return Markup(parser.renderInline(text))  # noqa: S704  # html is off


def coded(text: str, origin: str = "") -> Markup:
    """Show what stands between backticks as code, and everything else as it is.

    A command is told which server to ask, and a page of ours that is named can be clicked.

    >>> coded("`vibes doctor` checks <every> part.")
    Markup('<code>vibes doctor</code> checks &lt;every&gt; part.')
    >>> coded("/docs lists every address.")
    Markup('<a href="/docs">/docs</a> lists every address.')
    """
    whole = commands.at_server(shown(text), origin)
    *pairs, rest = whole.split("`")
    if len(pairs) % 2:  # one that nothing closes
        return escape(whole)
    parts = [
        Markup("<code>{}</code>").format(part) if index % 2 else _with_links(part)
        for index, part in enumerate([*pairs, rest])
    ]
    return Markup("").join(parts)


def _with_links(text: str) -> Markup:
    parts = _PAGES.split(text)
    link = Markup('<a href="{0}">{0}</a>')
    return Markup("").join(
        link.format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


@cache
def static(path: str) -> str:
    """Give the address of a static file; its content is part of it, so that it may be cached."""
    file = HERE / "static" / path
    version = sha256(file.read_bytes()).hexdigest()[:10] if file.exists() else "none"
    return f"/static/{path}?v={version}"


def samples_url(form: Any, cell_data: Mapping[str, Any], form_at: str) -> str:
    """Give the address of draws of one rate."""
    asked = {
        "experiment": form.experiment.name,
        "cohort": cell_data["cohort"],
        "event": cell_data["event"],
        "start": cell_data["start"],
        "end": cell_data["end"],
        "model": cell_data["model"],
        "n": form.draws.n,
        "seed": form.draws.seed,
        "format": form_at,
    }
    return f"/posterior/samples?{urlencode(asked)}"


def told_of(run: Run) -> tuple[str, ...]:
    """Say what is known of an unfinished run beside its stage."""
    return standing.told(run, datetime.now(UTC))


def place_of(request: Request, run: Run) -> standing.Place:
    """Say where a run stands among the others."""
    place: standing.Place = request.app.state.service.place(run)
    return place


def segment(text: str) -> str:
    """Quote text as one segment of a path."""
    return quote(text, safe="")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "shown": shown,
    "glued": glued,
    "first_sentence": first_sentence,
    "sentence": sentence,
    "several": several,
    "plain": plain,
    "chance": chance,
    "moment": moment,
    "compact": compact,
    "event_cell": particulars.event_cell,
    "prose": prose,
    "brief": brief,
    "coded": coded,
    "segment": segment,
    "embedded": embedded,
    "cell": cell,
    "readable": readable,
}


@cache
def environment() -> Environment:
    """Build the template environment: everything escaped, unknown names refused."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS
    made.tests["numeric"] = is_numeric
    made.globals |= {
        "static": static,
        "measures": measures,
        "grids": grids.grids,
        "narrow": narrow,
        "claims_beside": grids.claims_beside,
        "facts": particulars.facts,
        "page_hint": particulars.page_hint,
        "truth_grid": truth_grid,
        "stage_of": standing.stage,
        "share_of": standing.share,
        "chains_of": standing.chains,
        "told_of": told_of,
        "notes_of": standing.notes,
        "history_of": standing.history,
        "filled": particulars.filled,
        "empty_names": particulars.empty_names,
        "bounds": bounds,
        "bad_rows_of": bad_rows_of,
        "samples_url": samples_url,
    }
    return made


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Render a template with what every page needs."""
    theme = request.cookies.get("theme", "")
    origin, has_auth = origin_of(request), request.app.state.settings.has_auth
    shared = {
        "request": request,
        "path": request.url.path,
        "origin": origin,
        "theme": theme if theme in THEMES else "",
        "has_auth": has_auth,
        "for_terminal": partial(commands.for_terminal, url=origin, guarded=has_auth),
        "principal": getattr(request.state, "principal", None),
        "csrf_token": getattr(request.state, "csrf_token", ""),
        "place_of": partial(place_of, request),
    }
    text = environment().get_template(template).render({**shared, **context})
    varies = {"Vary": "HX-Request"}
    return HTMLResponse(text, status_code=status, headers={**varies, **(headers or {})})


def origin_of(request: Request) -> str:
    """Give the address of this server as the browser knows it."""
    return str(request.base_url).rstrip("/")


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def render_problem(
    request: Request, problem: VibesError, *, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Tell a problem as a page, or as an alert where htmx asked for a part of one."""
    template = "_problem_part.html" if is_partial(request) else "error.html"
    return render(
        request,
        template,
        status=problem.status,
        headers=headers,
        problem=problem,
        onward=onward(request, problem),
    )


def onward(request: Request, problem: VibesError) -> tuple[tuple[str, str], ...]:
    """Give the pages to go on to where something is not there, each with its name."""
    if isinstance(problem, ExperimentNotFound):
        name = str(request.path_params.get("name", request.query_params.get("experiment", "")))
        made = ((f"/?{urlencode({'name': name})}#create", f"Create {name}"),) if name else ()
        return (*made, ("/", "All experiments"))
    if isinstance(problem, NoAnswer):
        return ((f"/runs/{problem.extras['run']}", "The run"), ("/runs", "All runs"))
    if isinstance(problem, RunNotFound):
        return (("/runs", "All runs"),)
    if isinstance(problem, KindNotFound | QueryNotFound):
        return (("/kinds", "All kinds"),)
    if isinstance(problem, NotAuthenticated):
        back = urlencode({"next": request.url.path})
        return ((f"/sign-in?{back}", "Sign in"), ("/", "All experiments"))
    return (("/", "All experiments"),)
