"""What every kind owes, whoever wrote it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import VibesError
from pymc_vibes.core.figure import MAX_VALUES, Figure
from pymc_vibes.core.kind import Kind, PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds import catalog
from pymc_vibes.store.layout import schema_column
from tests.contract.bench import (
    ARROW,
    Bench,
    complete,
    entities,
    renamed,
    shuffled,
    twice,
    world,
)

SIZE = 1500  # of worlds, at most; kinds whose worlds are smaller say so
BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "const", "enum")

COMPARING = sorted(
    slug
    for slug, kind in catalog().items()
    if any(query.slug == "compare" for query in kind.queries)
)


def fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk the fields of a JSON schema and of every record in it."""
    for record in (schema, *schema.get("$defs", {}).values()):
        for name, field in record.get("properties", {}).items():
            yield f"{record.get('title')}.{name}", field


def settings_of(kind: Kind[Any]) -> list[tuple[str, Mapping[str, Any]]]:
    models = [kind.config, *(query.parameters for query in kind.queries)]
    return [field for model in models for field in fields(model.model_json_schema())]


def small_world(kind: Kind[Any], seed: int = 1) -> tuple[Any, pa.Table]:
    """Give a world of a size that every test can afford."""
    return world(kind, min(SIZE, kind.sizes.common), seed)


def told(kind: Kind[Any], bench: Bench, events: pa.Table, config: Config) -> str:
    """Give the whole answer as text."""
    return written(kind, *bench.fit(kind, events, config))


def written(kind: Kind[Any], resolved: Config, posterior: Posterior) -> str:
    figures = [figure.model_dump_json() for figure in kind.figures(posterior, resolved)]
    return "\n".join([kind.summarize(posterior, resolved).model_dump_json(), *figures])


def arguments(kind: Kind[Any], query: PosteriorQuery[Any, Any], events: pa.Table) -> dict[str, Any]:
    """Fill what a query demands, and what is named like an entity: a label of the data each."""
    names = iter(entities(kind, events) * 2)
    schema = query.parameters.model_json_schema()
    filled = {
        name: next(names) if schema["properties"][name].get("type") == "string" else 0.5
        for name in schema.get("required", [])
    }
    known = [name for name in kind.schema.entities if name in schema["properties"]]
    return filled | {name: events[name][-1].as_py() for name in known}


def ask(kind: Kind[Any], bench: Bench, events: pa.Table) -> Iterator[QueryAnswer]:
    """Put every question that needs a posterior."""
    config, posterior = bench.fit(kind, events, kind.example)
    for query in kind.queries:
        if isinstance(query, PosteriorQuery):
            asked = parse(query.parameters, arguments(kind, query, events))
            yield query.answer(posterior, config, asked)


# described


def test_every_setting_is_described(kind: Kind[Any]) -> None:
    undescribed = [name for name, field in settings_of(kind) if not field.get("description")]

    assert undescribed == []


def test_every_number_that_can_be_set_is_bounded(kind: Kind[Any]) -> None:
    unbounded = []
    for name, field in settings_of(kind):
        kinds = [field, *field.get("anyOf", [])]
        numbers = [k for k in kinds if k.get("type") in {"number", "integer"}]
        unbounded += [name for number in numbers if not any(bound in number for bound in BOUNDS)]

    assert unbounded == []


def test_alternatives_are_told_apart_by_their_kind(kind: Kind[Any]) -> None:
    unions = [
        (name, field)
        for name, field in settings_of(kind)
        if sum("$ref" in option for option in field.get("anyOf", [])) > 1
    ]

    assert unions == []  # a discriminated union has `oneOf`


def test_every_column_and_question_says_what_it_is(kind: Kind[Any]) -> None:
    texts = [column.about for column in (*kind.schema.columns, *kind.schema.patterns)]
    texts += [text for query in kind.queries for text in (query.title, query.about)]

    assert all(text.strip() for text in texts)


def test_the_page_of_a_kind_has_model_assumptions_and_references(kind: Kind[Any]) -> None:
    assert kind.title
    assert kind.question.endswith("?")
    assert "~" in kind.about
    words = kind.about.casefold()
    assert "assumption" in words
    assert "reference" in words


def test_the_description_is_json(kind: Kind[Any]) -> None:
    assert json.loads(json.dumps(kind.describe()))["slug"] == kind.slug


@pytest.mark.parametrize("which", ["default", "example"])
def test_settings_survive_json(kind: Kind[Any], which: str) -> None:
    config = kind.config() if which == "default" else kind.example

    assert parse(kind.config, json.loads(config.model_dump_json())) == config


# worlds


def test_simulated_events_fit_the_schema(kind: Kind[Any]) -> None:
    _, events = small_world(kind)

    for name in events.column_names:
        column = schema_column(kind.schema, name)
        assert pa.types.is_timestamp(events.schema.field(name).type) == (column.type == "instant")
        events[name].cast(ARROW[column.type])
        assert not column.required or events[name].null_count == 0
        if column.type in {"integer", "number"}:
            ends = pc.min_max(events[name]).as_py()
            assert column.low is None or ends["min"] >= column.low
            assert column.high is None or ends["max"] <= column.high
    assert {c.name for c in kind.schema.columns if c.required} <= set(events.column_names)


def test_every_simulated_row_is_complete(kind: Kind[Any]) -> None:
    _, events = small_world(kind)
    present = {name for name in events.column_names if events[name].null_count == 0}

    assert not kind.schema.one_of or any(set(group) <= present for group in kind.schema.one_of)


def test_the_same_seed_makes_the_same_world(kind: Kind[Any]) -> None:
    assert small_world(kind, seed=3)[1] == small_world(kind, seed=3)[1]
    assert small_world(kind, seed=3)[1] != small_world(kind, seed=4)[1]


def test_the_world_knows_what_the_posterior_is_about(kind: Kind[Any], bench: Bench) -> None:
    truth, events = small_world(kind)

    _, posterior = bench.fit(kind, events, kind.example)

    for variable in posterior.variables:
        known = truth[variable.name]
        labels = [variable.name] if variable.dim is None else known[variable.dim].to_numpy()
        assert set(variable.labels) <= set(labels)


# answers


def test_the_same_events_give_the_same_bytes(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)

    once, again = (written(kind, *bench.anew(kind, events, kind.example)) for _ in range(2))

    assert once == again


def test_the_order_of_events_does_not_matter(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)

    one = told(kind, bench, events, kind.example)

    assert told(kind, bench, shuffled(events), kind.example) == one


def test_names_of_labels_do_not_matter(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    column = kind.schema.entities[0]
    labels = {label: f"⁂ {label}" for label in entities(kind, events)}
    config = parse(kind.config, renamed(kind.example.model_dump(mode="json"), labels))
    at = events.column_names.index(column)
    other = events.set_column(at, column, pa.array(labels[x] for x in events[column].to_pylist()))

    answer = told(kind, bench, other, config)

    assert answer.replace("⁂ ", "") == told(kind, bench, events, kind.example)


def test_twice_the_data_narrow_every_posterior(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)

    _, once = bench.fit(kind, events, kind.example)
    _, double = bench.fit(kind, twice(kind, events), kind.example)

    ratios = []
    for variable in once.variables:
        before, after = variable.distribution, double[variable.name].distribution
        ratio = after.sd() / before.sd()
        relative = ratio * np.abs(before.mean() / after.mean())
        ratios.append(np.minimum(ratio, relative))
        # a population is known by its members, of which there are no more than before
        bound = 1 if variable.dim is not None else 1.01
        assert once.method == "nuts" or (ratios[-1] < bound).all()
    # what is sampled may hold parameters that data hardly reach, and that wander: most narrow
    assert np.median(np.concatenate(ratios)) < 1


def test_an_answer_is_json_without_nan(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for line in told(kind, bench, events, kind.example).splitlines():
        assert json.loads(line, parse_constant=refuse)


def check_figures(figures: tuple[Figure, ...]) -> None:
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    for figure in figures:
        columns = [column for table in figure.spec.tables.values() for column in table.values()]
        assert 0 < sum(len(column) for column in columns) <= MAX_VALUES
        assert figure.title.strip()
        assert len(figure.alt) > 20


def test_figures_have_a_title_words_and_numbers(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    config, posterior = bench.fit(kind, events, kind.example)

    figures = kind.figures(posterior, config)

    assert figures
    check_figures(figures)


def test_every_question_has_an_answer(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)

    for answer in ask(kind, bench, events):
        assert answer.summary.headline.strip()
        assert json.loads(answer.model_dump_json()) is not None
        check_figures(answer.figures)


def test_no_chance_is_shown_as_certain(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    config, posterior = bench.fit(kind, twice(kind, twice(kind, events)), kind.example)

    summary = kind.summarize(posterior, config)

    texts = [summary.headline, *(claim.text for claim in summary.claims)]
    assert not any(bad in text for text in texts for bad in ("100.0 %", "100 % chance", " 0.0 %"))


def test_draws_agree_with_the_exact_mean(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    _, posterior = bench.fit(kind, events, kind.example)
    size = 4000

    draws = posterior.draw(size, seed=8)

    for variable in posterior.variables:
        standard_error = variable.distribution.sd() / size**0.5
        gap = np.abs(draws[variable.name].mean(axis=0) - variable.distribution.mean())
        assert (gap < 6 * standard_error).all()


def test_the_posterior_is_an_arviz_tree(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    _, posterior = bench.fit(kind, events, kind.example)

    tree = posterior.tree(50, seed=1)

    own = "sample_stats" if posterior.method == "nuts" else "exact"
    assert set(tree.children) >= {"posterior", own, "observed_data"}
    for variable in posterior.variables:
        named = () if variable.dim is None else (variable.dim,)
        assert tree["posterior"][variable.name].dims == ("chain", "draw", *named)
        assert tree["posterior"][variable.name].attrs["unit"] == variable.unit


# edges


def test_no_event_is_an_answer_or_an_error_of_ours(kind: Kind[Any], bench: Bench) -> None:
    nothing = complete(kind, small_world(kind)[1].slice(0, 0))

    for config in (kind.config(), kind.example):
        assert outcome(kind, bench, nothing, config)


def test_one_event_is_an_answer_or_an_error_of_ours(kind: Kind[Any], bench: Bench) -> None:
    one = small_world(kind)[1].slice(0, 1)

    for config in (kind.config(), kind.example):
        assert outcome(kind, bench, one, config)


def outcome(kind: Kind[Any], bench: Bench, events: pa.Table, config: Config) -> str:
    try:
        return told(kind, bench, events, config)
    except VibesError as error:
        return f"{error.detail} {error.hint}"


def test_a_silent_entity_is_kept(kind: Kind[Any], bench: Bench) -> None:
    _, events = small_world(kind)
    column = kind.schema.entities[0]
    silent = entities(kind, events)[-1]
    others = events.filter(pc.not_equal(events[column], silent))

    _, cells = bench.cells(kind, others, kind.example, roster=events)

    assert silent in cells[column].to_pylist()


# right


def test_many_events_find_the_truth(kind: Kind[Any], bench: Bench) -> None:
    truth, events = world(kind, kind.sizes.many, seed=6)

    _, posterior = bench.fit(kind, events, kind.example)

    for variable in posterior.variables:
        at = {} if variable.dim is None else {variable.dim: list(variable.labels)}
        true = truth[variable.name].sel(at).to_numpy()
        off = np.abs(variable.distribution.mean() - true) / variable.distribution.sd()
        assert (off < 6).all()


@pytest.mark.parametrize("slug", COMPARING)
def test_no_difference_is_rarely_called_one(slug: str, bench: Bench) -> None:
    kind, worlds, most = catalog()[slug], 30, 10
    if bench.fit(kind, small_world(kind)[1], kind.example)[1].method != "exact":
        worlds, most = 10, 5  # each costs a thousand times as much
    query = kind.query("compare")
    assert isinstance(query, PosteriorQuery)

    alarms = 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        truth = kind.truth(kind.example, rng)
        same = truth.map(lambda values: values * 0 + values.mean(), keep_attrs=True)
        events = kind.simulate(same, 1000, rng)
        config, posterior = bench.fit(kind, events, kind.example)
        asked = parse(query.parameters, arguments(kind, query, events))
        claims = query.answer(posterior, config, asked).summary.claims
        alarms += any(claim.tone in {"higher", "lower"} for claim in claims)

    # at level 95 % and one look about 5 % of the worlds: more come in fewer than 1e-5 of runs
    assert stats.binom.sf(most, worlds, 0.05) < 1e-5
    assert alarms <= most
