"""Every kind's settings and questions are reachable from the command line."""

import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from pymc_vibes.cli.app import app, execute
from pymc_vibes.cli.reference import column_lines, option_lines
from pymc_vibes.core.kind import Kind


@pytest.fixture(scope="module")
def help_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = str(tmp_path_factory.mktemp("home"))

    def ask(*arguments: str) -> str:
        kept, sys.stdout = sys.stdout, io.StringIO()
        try:
            assert execute(["--home", home, *arguments]) == 0
            return sys.stdout.getvalue()
        finally:
            sys.stdout = kept

    return ask


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Walk the tree of commands to its leaves."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


EVERY = dict(commands(typer.main.get_command(app)))


def test_the_tree_of_commands_is_walked_to_its_leaves() -> None:
    assert {"analyze", "experiments delete", "cache clear", "token create"} <= EVERY.keys()


@pytest.mark.parametrize("command", EVERY)
def test_every_command_can_answer_in_json(command: str) -> None:
    assert "--json" in {name for option in EVERY[command].params for name in option.opts}


def option(field: str) -> str:
    return f"  --{field.replace('_', '-')} "


def test_every_setting_is_an_option_of_analyze(help_of: Any, kind: Kind[Any]) -> None:
    shown = help_of("analyze", "--type", kind.slug, "--help")

    assert [name for name in kind.config.model_fields if option(name) not in shown] == []


def test_every_question_and_its_parameters_can_be_asked(help_of: Any, kind: Kind[Any]) -> None:
    shown = help_of("ask", "--type", kind.slug, "--help")

    parts = {query.slug: shown.partition(f"\n{query.slug}: ")[2] for query in kind.queries}
    missing = [
        (query.slug, name)
        for query in kind.queries
        for name in query.parameters.model_fields
        if option(name) not in parts[query.slug]
    ]

    assert all(parts.values())
    assert missing == []


def test_every_column_is_described(kind: Kind[Any]) -> None:
    lines = "\n".join(column_lines(kind.describe()["schema"]))

    assert [c.name for c in kind.schema.columns if f"  {c.name}  {c.type}" not in lines] == []


def test_every_setting_says_what_it_means(kind: Kind[Any]) -> None:
    lines = list(option_lines(kind.describe()["config"]))

    heads = [index for index, line in enumerate(lines) if line.startswith("  --")]

    assert len(heads) == len(kind.config.model_fields)
    assert all(lines[index + 1].startswith("    ") for index in heads)
