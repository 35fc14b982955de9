"""Every command does its work, over a real server, and speaks JSON to programs."""

import json
from pathlib import Path

import pytest

from pymc_vibes.kinds import catalog
from tests.cli.conftest import Vibes, run_here

FORMATS = ("csv", "ndjson", "json", "parquet")


@pytest.mark.parametrize("slug", sorted(catalog()))
def test_generated_events_pipe_into_a_new_experiment(vibes: Vibes, slug: str) -> None:
    events = vibes("generate", slug, "--num-events", "200")

    made = vibes(
        "experiments", "create", "--name", f"piped-{slug}", "--type", slug, stdin=events.out
    )

    assert made.code == 0
    assert json.loads(made.text)["rows"] == len(json.loads(events.out)) > 0


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_goes_out_to_a_file_and_comes_back(
    vibes: Vibes, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"events.{form}"
    wrote = vibes("generate", "bernoulli", "-n", "100", "-o", str(file))
    vibes("experiments", "create", f"form-{form}", "--type", "bernoulli")

    stored = vibes("events", "upload", "--name", f"form-{form}", "--file", str(file))
    exported = vibes("events", "export", f"form-{form}", "--format", "csv")

    assert wrote.code == 0
    assert json.loads(stored.text)["ingested"] == 100
    assert len(exported.text.splitlines()) == 101


def test_a_seed_always_gives_the_same_events(vibes: Vibes) -> None:
    first = vibes("generate", "ab-test", "-n", "50", "--seed", "7")
    again = vibes("generate", "ab-test", "-n", "50", "--seed", "7")
    other = vibes("generate", "ab-test", "-n", "50", "--seed", "8")

    assert first.out == again.out
    assert first.out != other.out


def test_off_a_terminal_lists_are_json(vibes: Vibes, shop: str) -> None:
    vibes("analyze", shop)
    commands = (
        ("experiments", "list"),
        ("kinds",),
        ("runs", "list", shop),
        ("db", "list-tables"),
        ("db", "snapshots"),
        ("events", "preview", shop),
    )

    assert all(json.loads(vibes(*command).text) for command in commands)


def test_a_table_is_found_by_its_experiment_and_by_its_own_name(vibes: Vibes, shop: str) -> None:
    found = json.loads(vibes("db", "inspect", "--table-name", shop).text)

    again = json.loads(vibes("db", "inspect", "--table-name", found["table"]).text)

    assert found["experiment"] == shop
    assert found["columns"]["variant"] == "VARCHAR"
    assert again == found


def test_db_init_is_safe_to_repeat(vibes: Vibes, shop: str) -> None:
    assert vibes("db", "init").code == 0
    assert vibes("db", "init").code == 0
    assert shop in vibes("experiments", "list").text


def test_an_option_of_the_kind_and_set_say_the_same(vibes: Vibes, shop: str) -> None:
    by_option = vibes("analyze", shop, "--level", "0.8", "--json")
    by_assignment = vibes("analyze", shop, "--set", "level=0.8", "--json")

    assert json.loads(by_option.text)["summary"] == json.loads(by_assignment.text)["summary"]


def test_parts_of_a_nested_setting_have_options(vibes: Vibes, shop: str) -> None:
    prior = ["--prior.kind", "mean", "--prior.mean", "0.1", "--prior.effective-sample-size", "20"]

    answer = json.loads(vibes("analyze", shop, *prior, "--json").text)

    assert answer["summary"]["context"]["prior"] == "Beta(2, 18)"


def test_names_of_variants_in_a_setting_stay_as_they_are_written(vibes: Vibes) -> None:
    table = b"variant,trials,successes\nnew-page,100,20\nold-page,100,10\n"
    vibes("experiments", "create", "pages", "--type", "ab-test", stdin=table)

    done = vibes(
        "analyze", "pages", "--set", "expected_split.new-page=0.5", "--set",
        "expected_split.old-page=0.5", "--set", "control=old-page",
    )  # fmt: skip

    assert done.code == 0
    assert "new-page" in done.text


def test_stored_settings_are_set_and_reset(vibes: Vibes) -> None:
    vibes("experiments", "create", "tuned", "--type", "bernoulli", "--set", "level=0.9")

    changed = vibes("experiments", "set", "tuned", "level=0.8", "seed=7")
    reset = vibes("experiments", "set", "tuned", "level=null")

    assert json.loads(changed.text)["config"] == {"level": 0.8, "seed": 7}
    assert json.loads(reset.text)["config"] == {"seed": 7}


def test_ask_puts_a_question_with_parameters_and_settings(vibes: Vibes, shop: str) -> None:
    asked = vibes("ask", shop, "compare", "--a", "A", "--b", "B", "--config", "level=0.8", "--json")

    assert asked.code == 0
    assert json.loads(asked.text)["summary"]["claims"]


def test_a_cohort_may_be_named_like_a_json_value(vibes: Vibes) -> None:
    table = b"timestamp,cohort,event\n2024-01-01,true,call\n2024-01-02,null,call\n"
    vibes("experiments", "create", "odd", "--type", "poisson-cohorts", stdin=table)

    done = vibes("compare", "-x", "odd", "--event", "call", "--A", "true", "--B", "null")

    assert done.code == 0


def test_summary_gives_a_rate_in_the_unit_asked_for(vibes: Vibes, rates: str) -> None:
    asked = ("summary", "--event", "call", "--cohort", "busy", "-x", rates)

    weekly = vibes(*asked, "--unit", "week")
    narrow = vibes(*asked, "--start", "2024-01-30", "--end", "2024-02-01", "--level", "0.8")

    assert "per week" in weekly.text
    assert "80 % interval" in narrow.text


def test_a_prior_of_rates_can_be_given(vibes: Vibes, rates: str) -> None:
    """A prior worth a hundred years of calm outweighs a month that was busy."""
    prior = ("--alpha0", "10", "--beta0", "36500", "--unit", "day", "-x", rates)

    alone = vibes("summary", "--event", "call", "--cohort", "busy", *prior, "--json")
    both = vibes("compare", "--event", "call", "--A", "busy", "--B", "calm", *prior, "--json")

    assert json.loads(alone.text)["data"]["alpha"] == 10 + 180
    assert json.loads(both.text)["data"]["A"]["alpha"] == 10 + 180


def test_ingest_makes_the_experiment_that_it_names(vibes: Vibes, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("timestamp,cohort,event\nwhenever,east,call\n")
    refused = vibes("ingest", "-x", "nyc", "--file", str(file))
    before = vibes("experiments", "show", "nyc")
    file.write_text("timestamp,cohort,event\n2024-01-01,east,call\n")
    stored = vibes("ingest", "-x", "nyc", "--file", str(file))

    assert (refused.code, before.code, stored.code) == (5, 3, 0)
    assert json.loads(vibes("experiments", "show", "nyc").text)["kind"] == "poisson-cohorts"


def test_compare_can_fail_a_build_unless_the_data_settle_it(vibes: Vibes, rates: str) -> None:
    asked = ("compare", "--event", "call", "--exit-status", "-x", rates)

    assert vibes(*asked, "--A", "busy", "--B", "calm").code == 0
    assert vibes(*asked, "--A", "even", "--B", "calm").code == 1


def test_a_run_is_shown_as_it_was_given(vibes: Vibes, shop: str) -> None:
    answer = json.loads(vibes("analyze", shop, "--json").text)

    shown = json.loads(vibes("runs", "show", answer["run_id"], "--json").text)
    card = vibes("runs", "show", answer["run_id"])

    assert shown["answer"]["summary"] == answer["summary"]
    assert answer["summary"]["headline"] in card.text


def test_a_report_is_one_page_that_loads_nothing(vibes: Vibes, shop: str, tmp_path: Path) -> None:
    by_name, by_run, beside = (tmp_path / name for name in ("name.html", "run.html", "beside.html"))
    run_id = json.loads(vibes("analyze", shop, "--json").text)["run_id"]

    codes = [
        vibes("report", shop, "-o", str(by_name)).code,
        vibes("report", run_id, "-o", str(by_run)).code,
        vibes("analyze", shop, "--report", str(beside)).code,
    ]

    assert codes == [0, 0, 0]
    pages = [page.read_text("utf-8") for page in (by_name, by_run, beside)]
    assert all("<html" in page and 'src="http' not in page for page in pages)


def test_a_cleared_cache_is_empty_and_runs_stay(vibes: Vibes, shop: str) -> None:
    vibes("cache", "clear", shop)
    vibes("analyze", shop)

    cleared = vibes("cache", "clear", shop)
    again = vibes("cache", "clear", shop)

    assert cleared.code == again.code == 0
    assert cleared.text == f"Forgot 1 answer of {shop}.\n"
    assert again.text == f"Forgot 0 answers of {shop}.\n"
    assert json.loads(vibes("runs", "list", shop).text)


def test_delete_says_what_it_would_do_and_does_it_only_when_told(vibes: Vibes) -> None:
    vibes("experiments", "create", "gone", "--type", "bernoulli")

    dry = vibes("experiments", "delete", "gone", "--dry-run")
    there = vibes("experiments", "show", "gone")
    deleted = vibes("experiments", "delete", "--name", "gone", "--yes")

    assert dry.text.startswith("Would delete gone")
    assert there.code == deleted.code == 0
    assert vibes("experiments", "show", "gone").code == 3


def test_the_same_key_and_file_count_once(vibes: Vibes) -> None:
    vibes("experiments", "create", "keyed", "--type", "bernoulli")
    upload = ("events", "upload", "keyed", "--idempotency-key", "monday")

    first = vibes(*upload, stdin=b"outcome\n1\n0\n")
    again = vibes(*upload, stdin=b"outcome\n1\n0\n")
    other = vibes(*upload, stdin=b"outcome\n1\n1\n")

    assert not json.loads(first.text)["replayed"]
    assert json.loads(again.text)["replayed"]
    assert other.code == 5
    assert json.loads(vibes("experiments", "show", "keyed").text)["rows"] == 2


def test_columns_are_mapped_joined_and_filled(vibes: Vibes) -> None:
    table = b"day,make,year,calls\n2024-01-01,FORD,2003,5\n2024-01-02,KIA,2004,6\n"

    made = vibes(
        "experiments", "create", "mapped", "--type", "poisson-cohorts", "--map", "timestamp=day",
        "--map", "cohort=make+year", "--map", "count=calls", "--constant", "event=call",
        "--timezone", "America/New_York", stdin=table,
    )  # fmt: skip
    rows = json.loads(vibes("events", "preview", "mapped").text)

    assert made.code == 0
    assert {row["cohort"] for row in rows} == {"FORD | 2003", "KIA | 2004"}
    assert {row["event"] for row in rows} == {"call"}
    assert min(row["timestamp"] for row in rows).startswith("2024-01-01T05:00")


def test_skipped_rows_are_told_and_the_good_ones_kept(vibes: Vibes) -> None:
    vibes("experiments", "create", "mixed", "--type", "bernoulli")

    stored = vibes("events", "upload", "mixed", "--skip-bad-rows", stdin=b"outcome\n1\nmaybe\n")

    receipt = json.loads(stored.text)
    assert (receipt["ingested"], receipt["rejected"]) == (1, 1)
    assert receipt["bad_rows"][0]["line"] == 3


def test_what_was_refused_leaves_no_experiment_behind(vibes: Vibes) -> None:
    made = vibes("experiments", "create", "never", "--type", "bernoulli", stdin=b"outcome\nmaybe\n")

    assert made.code == 5
    assert vibes("experiments", "show", "never").code == 3


def test_a_token_is_made_under_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBES_AUTH_SECRET", "a secret of the tests, forty characters!")

    made = run_here("token", "create", "--subject", "ci", "--scope", "read")

    assert made.code == 0
    assert len(made.text.strip().split(".")) == 3


def test_doctor_checks_every_part(plain: object) -> None:
    found = json.loads(run_here("doctor").text)

    assert plain
    assert {check["name"] for check in found["checks"]} >= {"python", "home", "lake", "clock"}
    assert "VIBES_HOME" in found["settings"]


@pytest.mark.parametrize("command", ["show", "watch", "cancel", "reproduce"])
def test_an_empty_id_is_said_to_be_empty(vibes: Vibes, command: str) -> None:
    done = vibes("runs", command, "")

    assert done.code == 2
    assert "A name or an id is empty." in done.err


@pytest.mark.parametrize("run_id", ["../experiments", "a?limit=1", "a#b"])
def test_an_id_never_reaches_another_address(vibes: Vibes, run_id: str) -> None:
    done = vibes("runs", "show", run_id)

    assert done.code == 3
    assert done.text == ""
