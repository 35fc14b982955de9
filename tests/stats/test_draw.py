"""Files and notebooks show the figure that was declared, in the colors of the page."""

import io
import json
import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from matplotlib.image import imread

from pymc_vibes.core.figure import Axis, Figure, FigureSpec, Mark
from pymc_vibes.core.palette import DARK, LIGHT, Theme
from pymc_vibes.stats.draw import to_png, to_svg

HOSTILE = ("<img src=x onerror=alert(1)>", "a $x^2$ & \x1b[31m \u202e 名前 🎉", "x" * 500)
KINDS = ("area", "band", "line", "dot", "interval", "arrow", "rule_x", "rule_y", "bar")


def all_marks(**axis: object) -> Figure:
    """Give one figure with each of the nine marks, a gap and a missing value."""
    table = {
        "x": (0.0, 1.0, 2.0),
        "y": (1.0, None, 3.0),
        "low": (0.0, 0.5, 1.0),
        "high": (2.0, 2.5, None),
        "series": (0, 1, 1),
    }
    marks = [
        Mark(kind=kind, table="t", x="x", y="y", low="low", high="high", by="series")
        if kind in {"interval", "arrow"}
        else Mark(kind=kind, table="t", x="x", y="y", low="low", high="high", dashed=True)
        for kind in KINDS
    ]
    named = Mark(kind="line", table="t", x="x", y="low", series=0)
    spec = FigureSpec(
        x=Axis(label="x (days)", **axis),
        y=Axis(label="y"),
        series=("first", "second"),
        tables={"t": table},
        marks=(*marks, named),
        note="A note.",
    )
    return Figure(name="marks", title="Nine marks", alt="A sentence.", spec=spec)


def rows(labels: tuple[str, ...]) -> Figure:
    table = {"label": labels, "value": tuple(float(i) for i in range(len(labels)))}
    spec = FigureSpec(
        x=Axis(label="value", format="percent"),
        y=Axis(label="", kind="category"),
        series=("",),
        tables={"numbers": table},
        marks=(Mark(kind="bar", table="numbers", x="value", y="label", series=0),),
    )
    return Figure(name="rows", title=labels[0], alt="A sentence.", spec=spec)


def times() -> Figure:
    table = {
        "x": ("2014-03-01", "2014-03-02T12:00:00", "2014-03-04T00:00:00+02:00"),
        "y": (1, 2, 3),
    }
    spec = FigureSpec(
        x=Axis(label="day", kind="time"),
        y=Axis(label="count", zero=True, format="si"),
        series=("observed",),
        tables={"t": table},
        marks=(Mark(kind="line", table="t", x="x", y="y", series=0),),
    )
    return Figure(name="times", title="Days", alt="A sentence.", spec=spec)


def texts(svg: bytes) -> list[str]:
    namespace = "{http://www.w3.org/2000/svg}text"
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(namespace)]  # noqa: S314  # our own


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_page_color_is_the_background(theme: Theme) -> None:
    picture = imread(io.BytesIO(to_png(all_marks(), dark=theme is DARK)), format="png")

    page = tuple(int(theme.page[i : i + 2], 16) / 255 for i in (1, 3, 5))
    assert tuple(picture[0, 0, :3]) == pytest.approx(page, abs=1 / 255)


def test_every_color_is_the_one_of_the_style_sheet() -> None:
    sheet = (files("pymc_vibes.http") / "static" / "figure.css").read_text()
    light, dark = re.findall(r":root \{([^}]*)\}", sheet)

    found = [re.findall(r"--series-\d: (#\w+);", block) for block in (light, dark)]

    assert found == [list(LIGHT.series), list(DARK.series)]


def test_other_colors_are_those_of_the_style_sheet_too() -> None:
    sheet = (files("pymc_vibes.http") / "static" / "figure.css").read_text()
    blocks = [dict(re.findall(r"--figure-(\w+): (#\w+);", b)) for b in sheet.split("@media")[:2]]

    assert blocks == [
        {"page": t.page, "ink": t.ink, "quiet": t.quiet, "grid": t.grid} for t in (LIGHT, DARK)
    ]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_color_can_be_read_on_its_page(theme: Theme) -> None:
    contrasts = [contrast(color, theme.page) for color in (*theme.series, theme.ink, theme.quiet)]

    assert min(contrasts) >= 4.5


def contrast(first: str, second: str) -> float:
    """Give the WCAG contrast ratio of two colors."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_same_figure_gives_the_same_svg() -> None:
    assert to_svg(all_marks()) == to_svg(all_marks())


def test_names_are_text_in_an_svg_and_never_markup() -> None:
    found = texts(to_svg(rows(HOSTILE)))

    assert HOSTILE[0] in found
    assert any(text.startswith("a $x^2$ & ") for text in found)
    assert not any("\x1b" in text or "\u202e" in text for text in found)


def test_title_note_and_series_are_written() -> None:
    found = texts(to_svg(all_marks()))

    assert {"Nine marks", "A note.", "first", "second", "x (days)"} <= set(found)


def test_a_fraction_is_shown_as_percent() -> None:
    assert "100 %" in texts(to_svg(rows(("a", "b", "c"))))


def test_a_domain_is_the_whole_axis() -> None:
    found = texts(to_svg(all_marks(domain=(0.0, 100.0))))

    assert {"0", "100"} <= set(found)


def test_times_are_read_as_utc_whatever_the_machine_says() -> None:
    found = texts(to_svg(times()))

    assert "2014-Mar" in " ".join(found)


def test_figures_drawn_at_once_do_not_mix() -> None:
    figures = [rows((f"row {i}", "b")) for i in range(6)]
    alone = [to_svg(figure) for figure in figures]

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(to_svg, figures))

    assert together == alone


def test_a_vega_lite_figure_holds_its_data_and_reads_its_columns() -> None:
    picture = json.loads(json.dumps(all_marks().vega_lite()))

    tables = picture["datasets"]
    fields = {
        (layer["data"]["name"], channel["field"])
        for layer in picture["layer"]
        for channel in layer["encoding"].values()
        if "field" in channel
    }
    assert all(field in tables[name][0] for name, field in fields)
    assert {layer["mark"]["type"] for layer in picture["layer"]} == {
        "area", "line", "point", "rule", "bar",
    }  # fmt: skip
    assert picture["description"] == "A sentence."


def test_a_band_spans_y_and_an_interval_spans_x_in_vega_lite() -> None:
    layers = all_marks().vega_lite()["layer"]

    spans = [{name for name in ("x2", "y2") if name in layer["encoding"]} for layer in layers[2:6]]

    assert spans == [{"y2"}, set(), set(), {"x2"}]


def test_rows_of_several_series_leave_the_legend_to_the_named_ones_in_vega_lite() -> None:
    layers = all_marks().vega_lite()["layer"]

    colors = [layer["encoding"]["color"] for layer in layers]
    by_rows = [color for color in colors if "condition" in color]
    assert [case["test"] for case in by_rows[0]["condition"]] == [
        'datum["series"] === 0', 'datum["series"] === 1',
    ]  # fmt: skip
    assert colors[-1]["datum"] == "first"
    assert not [color for color in colors if "legend" in color]


def test_rows_keep_their_order_in_vega_lite() -> None:
    [bar] = rows(("b", "a")).vega_lite()["layer"]

    assert bar["encoding"]["y"]["sort"] is None


def test_a_notebook_without_pictures_shows_the_sentence() -> None:
    bundle = all_marks()._repr_mimebundle_()  # what a notebook calls

    assert bundle["text/plain"] == "Nine marks\nA sentence."
    assert bundle["application/vnd.vegalite.v6+json"]["layer"]
