"""The source of the site: the pages of the repository beside those put together from the code.

Pages stay Markdown that reads on its own where it lies. Here their links are led to where things
lie in the site, and lists of pages are added, which only the site needs.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from scripts.site.commands import command_page
from scripts.site.environment import problem_page, settings_page
from scripts.site.kinds import kind_pages
from scripts.site.markdown import page
from scripts.site.pictures import SCHEMES
from scripts.site.python import python_page
from scripts.site.routes import route_pages

ROOT = Path(__file__).parents[2]
BESIDE = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)  # pages of the site that do not lie in docs/
NOTEBOOKS = "examples/notebooks/"
SOURCES = "https://github.com/pymc-vibes/pymc-vibes/blob/main/"
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(?=[)#])")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"^<!-- picture: ([a-z0-9-]+) -->$", re.MULTILINE)


def write_pages(folder: Path, pictures: dict[str, str]) -> None:
    """Write every page of the site into an empty folder; `pictures` maps a name to its caption."""
    written = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in BESIDE)]
    }
    pages = {place(name): led(name, text, written) for name, text in written.items()}
    pages |= dict(kind_pages(ROOT / "docs"))
    pages |= dict(route_pages())
    pages["reference/commands.md"] = command_page()
    pages["reference/python.md"] = python_page()
    pages["reference/settings.md"] = settings_page()
    pages["reference/problems.md"] = problem_page()
    for name, text in pages.items():
        pages[name] = _with_pictures(name, text, pictures)
    pages["index.md"] = page(pages["index.md"].rstrip(), *_contents(pages))
    for name, text in (*pages.items(), *_lists(pages)):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def clear(folder: Path) -> None:
    """Make the folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def place(name: str) -> str:
    """Say where a page of the repository lies in the site.

    >>> place("docs/guides/team.md"), place("CHANGELOG.md"), place("examples/notebooks/a.ipynb")
    ('guides/team.md', 'CHANGELOG.md', 'notebooks/a.ipynb')
    """
    return name.removeprefix("docs/").removeprefix("examples/")


def led(name: str, text: str, known: Iterable[str]) -> str:
    """Lead the links of a page to where things lie in the site, or in the repository."""
    parts = _CODE.split(text)
    return "".join(
        part if part.startswith("`") else _LINK.sub(lambda m: _target(name, m[1], known), part)
        for part in parts
    )


def _target(name: str, link: str, known: Iterable[str]) -> str:
    aim = normpath(f"{PurePosixPath(name).parent}/{link}")
    if aim.startswith(NOTEBOOKS) and aim.endswith(".ipynb"):
        return relpath(place(aim), str(PurePosixPath(place(name)).parent))
    if aim in known:
        return relpath(place(aim), str(PurePosixPath(place(name)).parent))
    return f"{SOURCES}{aim}" if (ROOT / aim).exists() else link


def _with_pictures(name: str, text: str, pictures: dict[str, str]) -> str:
    """Put each picture where the page marks its place; one that was not taken leaves nothing."""
    up = relpath(".", str(PurePosixPath(name).parent))

    def shown(mark: "re.Match[str]") -> str:
        caption = pictures.get(mark[1])
        if not caption:
            return ""
        return "\n\n".join(
            f"```{{figure}} {up}/pictures/{mark[1]}-{scheme}.png\n:alt: {caption}\n"
            f":figclass: picture only-{scheme}\n\n{caption}\n```"
            for scheme in SCHEMES
        )

    return _PICTURE.sub(shown, text)


def _contents(pages: dict[str, str]) -> Iterator[str]:
    """List all pages for the margin: those that the first page names first, then the others."""
    named = [link.removesuffix(".md") for link in _LINK.findall(_CODE.sub("", pages["index.md"]))]

    def below(folder: str) -> list[str]:
        others = [name.removesuffix(".md") for name in sorted(pages)]
        every = dict.fromkeys([*(name for name in named if name in others), *others])
        return [name for name in every if PurePosixPath(name).parent.as_posix() == folder]

    yield _contents_of("Learn", ["First commands <README>", "tutorial"])
    yield _contents_of("How to", below("guides"))
    listed = [link for link in _LINK.findall(pages["guides/notebooks.md"]) if "notebooks/" in link]
    yield _contents_of("Notebooks", [normpath(f"guides/{link}") for link in listed])
    yield _contents_of("How answers are computed", below("answers"))
    first = ("kinds", "commands", "http", "python", "settings", "problems")
    yield _contents_of("Reference", [f"reference/{name}" for name in first])
    yield _contents_of("More", ["performance", "CONTRIBUTING", "decisions", "CHANGELOG"])


def _contents_of(caption: str, names: Iterable[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])


def _named(above: str, below: str) -> str:
    """Name a page for the margin, where those of kinds and routes have longer titles.

    >>> _named("reference/http", "http/marketing-mix"), _named("decisions", "decisions/0001-lake")
    ('marketing mix <http/marketing-mix>', 'decisions/0001-lake')
    """
    name = PurePosixPath(below).name
    words = {"reference/http": name.replace("-", " "), "reference/kinds": name}
    return f"{words[above]} <{below}>" if above in words else below


def _lists(pages: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Add the lists below pages that have others below them."""
    for name, title in {
        "reference/kinds": "",
        "reference/http": "",
        "decisions": "Decisions",
    }.items():
        below = sorted(p.removesuffix(".md") for p in pages if p.startswith(f"{name}/"))
        here = [_named(name, relpath(one, str(PurePosixPath(name).parent))) for one in below]
        hidden = [":hidden:"] if not title else []
        listed = "\n".join(["```{toctree}", *hidden, ":maxdepth: 1", "", *here, "```"])
        told = pages.get(f"{name}.md") or f"# {title}\n\nWhat would be hard to undo, and its price."
        yield f"{name}.md", page(told.rstrip(), listed)
