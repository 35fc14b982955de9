"""One tree of errors, drawn once, and the drawing is true."""

import ast
import re

import pytest

from pymc_vibes.core import errors

PROBLEMS = [problem for problem in errors.problems() if problem.__module__ == errors.__name__]
TREE = (errors.__doc__ or "").partition("VibesError\n")[2]
BRANCH = re.compile(r" {4}[├└]──")  # at the start of its line; what stands further right is a leaf
DRAWN = re.compile(
    r"(?P<name>[A-Z][A-Za-z]+)(?: \((?P<status>\d{3})?(?:, )?(?:exit (?P<exit>\d+))?\))?"
)


def branch(problem: type[errors.VibesError]) -> type[errors.VibesError]:
    """The class directly below `VibesError` that this one hangs on."""
    return problem.__mro__[problem.__mro__.index(errors.VibesError) - 1]


def drawn() -> dict[str, tuple[str, re.Match[str]]]:
    """Each name in the drawing, with the branch it is drawn under."""
    found: dict[str, tuple[str, re.Match[str]]] = {}
    under = ""
    for line in (line for line in TREE.splitlines() if "──" in line):
        matches = list(DRAWN.finditer(line))
        under = matches[0]["name"] if BRANCH.match(line) else under
        found |= {match["name"]: (under, match) for match in matches}
    return found


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
def test_a_problem_has_a_title_a_status_and_an_exit_code(problem: type[errors.VibesError]) -> None:
    assert "__doc__" in vars(problem)
    assert problem.title()
    assert 400 <= problem.status <= 599
    assert 1 <= problem.exit_code <= 125


def test_titles_and_slugs_are_distinct() -> None:
    assert len({problem.title() for problem in PROBLEMS}) == len(PROBLEMS)
    assert len({problem.slug() for problem in PROBLEMS}) == len(PROBLEMS)


def test_the_drawing_holds_every_problem_and_no_other() -> None:
    names = {problem.__name__ for problem in PROBLEMS} - {"VibesError"}

    assert set(drawn()) == names


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
def test_a_problem_is_drawn_as_it_is(problem: type[errors.VibesError]) -> None:
    under, match = drawn().get(problem.__name__, ("", DRAWN.fullmatch(problem.__name__)))

    assert match is not None
    assert under in ("", branch(problem).__name__)
    assert match["status"] in (None, str(problem.status))
    assert match["exit"] in (None, str(problem.exit_code))


def test_no_problem_is_defined_outside_the_tree(modules: dict[str, str]) -> None:
    names = {problem.__name__ for problem in PROBLEMS}

    strays = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in modules.items()
        if name.startswith("src/") and name != "src/pymc_vibes/core/errors.py"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
        and names & {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
    ]

    assert strays == []
