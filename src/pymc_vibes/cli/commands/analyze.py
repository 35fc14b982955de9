"""`vibes analyze` and `vibes ask`: questions, with options that the kind brings along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pymc_vibes.cli import say
from pymc_vibes.cli.client import PENDING, part
from pymc_vibes.cli.commands.experiments import expecting_events
from pymc_vibes.cli.misuse import Misuse
from pymc_vibes.cli.options import check_known, read_options
from pymc_vibes.cli.reference import option_lines
from pymc_vibes.cli.session import AsJson, Session, session
from pymc_vibes.cli.upload import save
from pymc_vibes.core.answer import Answer, QueryAnswer
from pymc_vibes.core.errors import InferenceFailed, QueryNotFound

_DYNAMIC = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}
Help = Annotated[bool, typer.Option("--help", "-h", help="Show the options of the kind.")]
# options as they were written: `--name value` tokens, `name=value` assignments
type Written = tuple[Sequence[str], Sequence[str]]
Settings = Annotated[list[str] | None, typer.Option("--set", help="name=value; repeat.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command(
        "analyze",
        help="Answer an experiment's question. Options are those of its kind.",
        context_settings=_DYNAMIC,
    )(analyze)
    app.command(
        "ask",
        help="Ask a further question of an answer (compare, predict, assign, ...).",
        context_settings=_DYNAMIC,
    )(ask)


def analyze(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The experiment.")] = None,
    *,
    kind: Annotated[str | None, typer.Option("--type", "-t", help="With --help: the kind.")] = None,
    settings: Settings = None,
    snapshot: Annotated[int | None, typer.Option(help="The lake as it was then.")] = None,
    priority: Annotated[
        int | None, typer.Option(min=-10, max=10, help="Runs of a higher one are begun first.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")] = None,
    plot: Annotated[bool, typer.Option(help="Draw the figures.")] = True,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for what must be sampled.")
    ] = True,
    as_json: AsJson = False,
    show_help: Help = False,
) -> None:
    """Answer an experiment's question."""
    here = session(context)
    if show_help or (name is None and kind is not None):
        _explain(here, name, kind, context)
        return
    experiment = _named(name)
    found = here.client.get(f"/api/v1/experiments/{part(experiment)}")
    schema = here.client.get(f"/api/v1/kinds/{part(found['kind'])}")["config"]
    values = _checked((context.args, settings or ()), schema, of=found["kind"])
    path = f"/api/v1/experiments/{part(experiment)}/runs"
    query = {"snapshot": snapshot, "priority": priority}
    if not wait:
        _start(here, path, values, query, as_json=as_json)
        return
    with expecting_events(here.client, experiment):
        body = here.client.post(path, values, **query)
    if body["run_id"] in here.client.followed:
        body["cached"] = False
    answer = Answer.model_validate(body)
    _report(here, answer.run_id, report)
    show(body, answer, as_json=as_json, plot=plot)


def _report(here: Session, run_id: str, file: Path | None) -> None:
    """Write the page of an answer where one was asked for."""
    if file is not None:
        save(here.client.raw(f"/api/v1/runs/{run_id}/report"), file)
        say.talk(f"Wrote {file}.")


def _start(
    here: Session, path: str, values: Any, query: Mapping[str, Any], *, as_json: bool
) -> None:
    """Print the id of the run, whether it is over or not; as JSON the run, or its answer."""
    response = here.client.request("POST", path, json=values, query=query, wait=False)
    found = response.json()
    is_over = response.status_code != PENDING
    if as_json:
        say.as_json(found)
    else:
        say.data(found["run_id" if is_over else "id"])
    if is_over:
        return
    if not here.settings.url:
        say.advise("It waits for a worker: `vibes worker` or `vibes serve` carries it out.")
    say.advise(f"Follow it with `vibes runs watch {found['id']}`.")


def show(body: Any, answer: Answer, *, as_json: bool, plot: bool) -> None:
    """Print an answer; one that did not converge ends with exit code 6."""
    if as_json:
        say.as_json(body)
    else:
        from pymc_vibes.cli.card import show_answer

        show_answer(answer, plot=plot)
    if not answer.diagnostics.converged:
        raise typer.Exit(InferenceFailed.exit_code)


def ask(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The experiment.")] = None,
    question: Annotated[str | None, typer.Argument(help="The question, see --help.")] = None,
    *,
    kind: Annotated[str | None, typer.Option("--type", "-t", help="With --help: the kind.")] = None,
    settings: Settings = None,
    config: Annotated[
        list[str] | None, typer.Option("--config", help="Setting of the kind: name=value.")
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="List what a journal holds; add nothing to it.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")] = None,
    plot: Annotated[bool, typer.Option(help="Draw the figures.")] = True,
    as_json: AsJson = False,
    show_help: Help = False,
) -> None:
    """Ask a further question of an experiment's answer."""
    here = session(context)
    if show_help or question is None:
        _explain(here, name, kind, context)
        return
    if entries:
        _list(here, _named(name), question, as_json=as_json)
        return
    asked = _Asked.read(
        here, _named(name), question, (context.args, settings or ()), ((), config or ())
    )
    answer = asked.answer(here)
    if report is not None:
        save(_page(asked, answer), report)
        say.talk(f"Wrote {report}.")
    show_query(answer, as_json=as_json, plot=plot)


def _list(here: Session, name: str, question: str, *, as_json: bool) -> None:
    """Print the entries of a journal, oldest first."""
    _known(here, name, question)
    found = here.client.get(f"/api/v1/experiments/{part(name)}/{part(question)}")
    if as_json:
        say.as_json(found)
        return
    if "entries" not in found:
        raise QueryNotFound(f"{question!r} keeps no journal.", hint="Ask without --entries.")
    from pymc_vibes.cli.card import entry_line

    for body in found["entries"]:
        say.data(entry_line(QueryAnswer.model_validate(body)))
    if not found["entries"]:
        say.advise(f"Nothing yet. Make the first entry: vibes ask {name} {question}")


def put(
    here: Session,
    name: str,
    question: str,
    parameters: Written,
    config: Written,
) -> Any:
    """Put a question to an experiment and give the JSON answer."""
    return _Asked.read(here, name, question, parameters, config).answer(here)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A question as it was typed, ready to be sent."""

    experiment: str
    kind: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @classmethod
    def read(
        cls, here: Session, name: str, question: str, parameters: Written, config: Written
    ) -> "_Asked":
        known, query = _known(here, name, question)
        slug = known["slug"]
        body = {
            "parameters": _checked(parameters, query["parameters"], of=f"{slug} {question}"),
            "config": _checked(config, known["config"], of=slug),
        }
        return cls(experiment=name, kind=known, query=query, body=body)

    def answer(self, here: Session) -> Any:
        path = f"/api/v1/experiments/{part(self.experiment)}/{self.query['slug']}"
        with expecting_events(here.client, self.experiment):
            return here.client.post(path, self.body)


def _known(here: Session, name: str, question: str) -> tuple[Any, Any]:
    """Give the kind of an experiment and its question, as they describe themselves."""
    kind = here.client.get(f"/api/v1/experiments/{part(name)}")["kind"]
    known = here.client.get(f"/api/v1/kinds/{part(kind)}")
    query = next((q for q in known["queries"] if q["slug"] == question), None)
    if query is None:
        slugs = ", ".join(q["slug"] for q in known["queries"])
        raise QueryNotFound(
            f"{name} has no question {question!r}.",
            hint=f"It has: {slugs}. `vibes ask {name}` says what they need.",
        )
    return known, query


def _page(asked: _Asked, answer: Any) -> bytes:
    """Write the answer as a page; of a journal it is the entry just shown, not another one."""
    from pymc_vibes.http.asking import question_line
    from pymc_vibes.http.question_report import Told, render_question

    slug = asked.query["slug"]
    told = Told(
        kind=asked.kind["title"],
        question=asked.query["title"],
        about=asked.query["about"],
        slug=slug,
        experiment=asked.experiment,
        command=question_line(
            asked.experiment, slug, asked.body["parameters"], asked.body["config"]
        ),
    )
    return render_question(QueryAnswer.model_validate(answer), told).encode()


def _checked(written: Written, schema: Mapping[str, Any], *, of: str) -> dict[str, Any]:
    tokens, assignments = written
    values = read_options(tokens, assignments, schema=schema)
    check_known(values, schema, of=of)
    return values


def show_query(body: Any, *, as_json: bool, plot: bool) -> None:
    """Print the answer to a further question."""
    if as_json:
        say.as_json(body)
        return
    from pymc_vibes.cli.card import show_query as card

    card(QueryAnswer.model_validate(body), plot=plot)


def _named(name: str | None) -> str:
    if name is None:
        raise Misuse("Which experiment?", hint="`vibes experiments list` shows them.")
    return name


def _explain(here: Session, name: str | None, kind: str | None, context: typer.Context) -> None:
    say.data(context.get_help())
    if name is not None:
        kind = here.client.get(f"/api/v1/experiments/{part(name)}")["kind"]
    if kind is None:
        say.data("\nAdd the experiment's NAME or --type KIND to see the options of its kind.")
        return
    found = here.client.get(f"/api/v1/kinds/{part(kind)}")
    if context.info_name == "analyze":
        _section(f"Options of {kind}:", found["config"])
        return
    for query in found["queries"]:
        _section(f"{query['slug']}: {query['about']}", query["parameters"])


def _section(title: str, schema: Mapping[str, Any]) -> None:
    say.data(f"\n{title}")
    for line in option_lines(schema):
        say.data(line)
