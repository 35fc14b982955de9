"""From values to HTML: the template environment, the filters, and the page of a problem.

Everything a template prints is escaped; the only markup that comes from text is that of a kind's
own description, rendered without raw HTML. Numbers read as in the terminal and the report: the same
functions write them.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from pymc_vibes.core.answer import Diagnostics, Estimate, Interval, Table
from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.experiment import Receipt
from pymc_vibes.core.instant import show
from pymc_vibes.core.schema import Column

HERE = Path(__file__).parent
THEMES = ("light", "dark")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EMPTY_FRACTION = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.0+(?=Z?$)")
DASH = "\N{EN DASH}"


def shown(text: str) -> str:
    r"""Leave out what would change how the words around it read: controls, also of direction.

    >>> shown("a\u202eb\x00c")
    'abc'
    """
    return _CONTROLS.sub("", text)


def sentence(text: str) -> str:
    """Begin a phrase with a capital."""
    return shown(text[:1].upper() + text[1:])


def plain(value: Any) -> str:
    """Write a number for people; text passes through, nothing is a dash."""
    from pymc_vibes.stats.describe import plain as write

    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return write(value) if isinstance(value, float) else shown(str(value))


def percent(value: float | None) -> str:
    """Write a fraction as a percentage."""
    from pymc_vibes.stats.describe import percent as write

    return DASH if value is None else write(value)


def chance(probability: float) -> str:
    """Write a probability; never 0 % or 100 %."""
    from pymc_vibes.stats.decide import chance as write

    return write(probability)


def amount(value: float | None, estimate: Estimate) -> str:
    """Write a value of an estimate the way the estimate wants to be read."""
    return percent(value) if estimate.percent else plain(value)


def interval_name(interval: Interval) -> str:
    """Name an interval by mass and kind.

    >>> interval_name(Interval(low=0, high=1, prob=0.95, kind="hdi"))
    '95 % HDI'
    """
    kind = {"hdi": "HDI", "eti": "equal-tailed"}[interval.kind]
    return f"{interval.prob * 100:.4g} % {kind}"


def moment(value: datetime | str | None) -> Markup:
    """Write an instant as a `time` element, UTC."""
    if value is None:
        return Markup(DASH)  # noqa: S704  # a constant
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    markup = Markup('<time datetime="{}">{}</time>')
    return markup.format(instant.isoformat(), show(instant.replace(second=0, microsecond=0)))


def compact(value: Any) -> str:
    """Write a JSON value on one line: text stays bare, an instant loses its empty fractions.

    >>> compact("2024-03-01T00:00:00.000000Z"), compact("a"), compact({"b": 1})
    ('2024-03-01T00:00:00Z', 'a', '{"b": 1}')
    """
    if isinstance(value, str):
        return shown(_EMPTY_FRACTION.sub("", value))
    return json.dumps(value, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """Write a value of a table: numbers for reading, text as it is."""
    if isinstance(value, list | dict):
        return readable(value)
    return plain(value)


def table_cell(table: Table, column: int, value: Any) -> str:
    """Write a value of an answer's table; what is a chance is never 0 % or 100 %."""
    tells = (table.title, table.columns[column])
    if isinstance(value, float) and any(text.lower().startswith("chance") for text in tells):
        return chance(value)
    return cell(value)


def readable(value: Any) -> str:
    """Write a setting: `open` where nothing is set, lists with commas, records by field."""
    if value is None:
        return "open"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {readable(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else shown(str(value))


def number_columns(table: Table) -> tuple[bool, ...]:
    """Say of each column of a table whether it holds numbers."""
    columns = ([v for v in column if v is not None] for column in zip(*table.rows, strict=True))
    return tuple(bool(values) and all(map(is_numeric, values)) for values in columns)


def is_numeric(value: Any) -> bool:
    """Whether a value is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def measures(diagnostics: Diagnostics) -> tuple[tuple[str, Any], ...]:
    """Name the diagnostics that a fit has."""
    named = (
        ("Largest R-hat", diagnostics.r_hat_max),
        ("Smallest bulk ESS", diagnostics.ess_bulk_min),
        ("Smallest tail ESS", diagnostics.ess_tail_min),
        ("Divergences", diagnostics.divergences),
        ("Smallest E-BFMI", diagnostics.ebfmi_min),
        ("Error, of a posterior sd", diagnostics.error_estimate),
    )
    return tuple((name, value) for name, value in named if value is not None)


def bounds(column: Column) -> str:
    """Say which values a column takes."""
    low = "" if column.low is None else f"{'above' if column.low_open else 'from'} {column.low:g}"
    high = "" if column.high is None else f"to {column.high:g}"
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
        "n": form.draws.n,
        "seed": form.draws.seed,
        "format": form_at,
    }
    return f"/posterior/samples?{urlencode(asked)}"


def segment(text: str) -> str:
    """Quote text as one segment of a path."""
    return quote(text, safe="")


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
    made.filters |= {
        "shown": shown,
        "sentence": sentence,
        "plain": plain,
        "percent": percent,
        "chance": chance,
        "interval_name": interval_name,
        "moment": moment,
        "compact": compact,
        "prose": prose,
        "brief": brief,
        "segment": segment,
        "embedded": embedded,
        "cell": cell,
        "readable": readable,
    }
    made.tests["numeric"] = is_numeric
    made.globals |= {
        "static": static,
        "amount": amount,
        "number_columns": number_columns,
        "measures": measures,
        "bounds": bounds,
        "table_cell": table_cell,
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
    shared = {
        "request": request,
        "path": request.url.path,
        "origin": str(request.base_url).rstrip("/"),
        "theme": theme if theme in THEMES else "",
        "has_auth": request.app.state.settings.has_auth,
        "principal": getattr(request.state, "principal", None),
        "csrf_token": getattr(request.state, "csrf_token", ""),
    }
    text = environment().get_template(template).render({**shared, **context})
    varies = {"Vary": "HX-Request"}
    return HTMLResponse(text, status_code=status, headers={**varies, **(headers or {})})


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def wants_html(request: Request) -> bool:
    """Whether a browser asks, so that a problem is best told as a page."""
    return "text/html" in request.headers.get("Accept", "")


def render_problem(
    request: Request, problem: VibesError, *, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Tell a problem as a page, or as an alert where htmx asked for a part of one."""
    template = "_problem_part.html" if is_partial(request) else "error.html"
    return render(request, template, status=problem.status, headers=headers, problem=problem)
