"""The bundled browser assets are those that were built, licensed, and small."""

import base64
import gzip
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

VENDOR = Path(str(files("pymc_vibes.http"))) / "static" / "vendor"
STATIC = VENDOR.parent
LOCK = Path(__file__).parents[2] / "scripts" / "vendor" / "package-lock.json"
FIRST_PAGE = [
    VENDOR / "plot.js",
    VENDOR / "htmx.min.js",
    VENDOR / "htmx-sse.min.js",
    *STATIC.glob("figure*"),
]


def sums() -> dict[str, str]:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_every_asset_is_the_one_that_was_built() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "SHA256SUMS"
    }

    assert found == sums()


def test_every_bundled_package_has_its_license() -> None:
    text = (VENDOR / "LICENSES.txt").read_text()

    titles = set(re.findall(r"^(\S+) \S+ \(([^)]+)\)\n={72}$", text, re.MULTILINE))

    assert {("@observablehq/plot", "ISC"), ("d3-array", "ISC"), ("internmap", "ISC")} <= titles
    assert "htmx.org" in {name for name, _ in titles}
    assert text.count("WARRANT") >= len(titles)


def test_licensed_versions_are_the_locked_ones() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    text = (VENDOR / "LICENSES.txt").read_text()

    titles = re.findall(r"^(\S+) (\S+) \([^)]+\)\n={72}$", text, re.MULTILINE)

    assert {name: packages[f"node_modules/{name}"]["version"] for name, _ in titles} == dict(titles)


def test_the_policy_allows_exactly_the_style_that_plot_emits() -> None:
    """Plot writes one style element; with the class name of figure.js its text never changes."""
    bundle = (VENDOR / "plot.js").read_text()
    [template] = re.findall(r'append\("style"\)\.text\(`(:where\(\.\$\{\w+\}\) \{[^`]*)`\)', bundle)
    [class_name] = re.findall(r'className: "(\w+)"', (STATIC / "figure-draw.js").read_text())

    style = re.sub(r"\$\{\w+\}", class_name, template)

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert (VENDOR / "CSP-STYLE-HASH.txt").read_text() == f"sha256-{digest}\n"


def test_the_scripts_of_a_first_page_fit_the_budget() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in FIRST_PAGE}

    assert sum(sizes.values()) < 125_000, sizes


def test_no_asset_loads_anything_from_elsewhere() -> None:
    scripts = [*STATIC.rglob("*.js"), *STATIC.rglob("*.css")]

    addresses = {
        address
        for path in scripts
        for address in re.findall(r"https?://[\w./-]+", path.read_text(encoding="utf-8"))
    }

    # the names of XML namespaces, which nothing fetches
    assert {a for a in addresses if not a.startswith("http://www.w3.org/")} == set()
