"""The root command: global options, groups, and the one place where errors become exit codes."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pymc_vibes.cli import pipes, say
from pymc_vibes.cli.commands import analyze, data, db, experiments, operate, rates, runs
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.cli.session import Session
from pymc_vibes.core.errors import BadRows, InternalFault, VibesError
from pymc_vibes.settings import load_settings

INTERRUPTED = 130

app = typer.Typer(
    name="vibes",
    help="Bayesian experimentation and causal analytics: events in, honest answers out.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (experiments, data, analyze, rates, runs, db, operate):
    part.register(app)


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the embedded lake. Default: VIBES_HOME.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Server to talk to. Default: VIBES_URL, else in-process.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,  # noqa: FBT002  # typer reads flags so
) -> None:
    """Bayesian experimentation and causal analytics: events in, honest answers out."""
    if version:
        from importlib.metadata import version as installed

        say.data(f"vibes {installed('pymc-vibes')}")
        raise typer.Exit
    say.went_to(url=url, home=None if home is None else str(home))
    context.obj = Session(home=home, url=url)
    context.call_on_close(context.obj.close)


def run() -> None:
    """Run the command line as a program of its own."""
    pipes.end_quietly_when_unread()
    code = execute(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if code == INTERRUPTED:
        # not waiting for work in other threads: the lake keeps or drops a commit whole
        os._exit(code)
    sys.exit(code)


def execute(arguments: Sequence[str]) -> int:
    """Run one command, turn errors into a sentence, and give the exit code."""
    try:
        app(list(arguments))
    except (VibesError, Misuse) as error:
        _explain(error)
        return error.exit_code
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say.talk("Interrupted.")
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:  # noqa: BLE001  # the edge: no traceback reaches a person unasked
        return _explain_fault(error)
    return 0


def _explain(error: VibesError | Misuse) -> None:
    say.talk(f"Error: {error.detail}")
    if isinstance(error, BadRows):
        for row in error.extras.get("rows", ()):
            where = f"line {row['line']}" + (f", {row['column']}" if row.get("column") else "")
            say.talk(f"  {where}: {row['reason']}")
    if error.hint:
        say.advise(f"Try: {error.hint}")


def _explain_fault(error: Exception) -> int:
    """Tell what no one foresaw, and give the exit code."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        fault = InternalFault(
            f"{where}{error.strerror}.", hint="`vibes doctor` checks folders and permissions."
        )
    else:
        fault = InternalFault(
            f"Something broke on our side: {type(error).__name__}: {error}",
            hint="Run it again with VIBES_LOG_LEVEL=debug to see where, and report it.",
        )
    _explain(fault)
    if _wants_detail():
        traceback.print_exception(error)
    return fault.exit_code


def _wants_detail() -> bool:
    try:
        return load_settings().log_level == "debug"
    except VibesError:
        return False
