"""What goes wrong is told in a sentence, with what to do next and an exit code for scripts."""

from pathlib import Path

import pytest

from tests.cli.conftest import Vibes, run_here

MISUSES = (
    ("analyse", "shop"),
    ("--bogus",),
    ("experiments", "create"),
    ("experiments", "create", "--type", "ab-test"),
    ("generate", "ab-test", "--num-events", "0"),
    ("generate", "ab-test", "-n", "5", "--output", "/no/such/folder/events.csv"),
    ("generate", "ab-test", "-n", "5", "--output", "events.xyz"),
    ("generate", "ab-test", "-n", "5", "--json", "--format", "csv"),
    ("events", "export", "shop", "-o", "shop.xlsx"),
    ("analyze",),
    ("analyze", "shop", "stray"),
    ("analyze", "shop", "--lvel", "0.9"),
    ("analyze", "shop", "--set", "level"),
    ("analyze", "shop", "--report", "/no/such/folder/report.html"),
    ("ask", "shop", "compare", "--aa", "A"),
    ("experiments", "set", "shop", "lvel=0.9"),
)
ABSENT = (
    ("analyze", "shopp"),
    ("ask", "shop", "nope"),
    ("events", "preview", "nope"),
    ("db", "inspect", "--table-name", "nope"),
    ("generate", "nope"),
    ("kinds", "nope"),
    ("experiments", "schema", "--type", "nope"),
    ("experiments", "delete", "nope", "--yes"),
    ("runs", "show", "nope"),
    ("report", "nope", "-o", "page.html"),
    ("cache", "clear", "nope"),
    ("summary", "--event", "call", "--cohort", "x", "-x", "nope"),
)
INVALID = (
    ("analyze", "shop", "--level", "2"),
    ("analyze", "shop", "--prior.kind", "nope"),
    ("experiments", "create", "Bad Name!", "--type", "ab-test"),
    ("experiments", "create", "shop", "--type", "ab-test"),
    ("events", "upload", "shop", "--file", "missing.csv"),
    ("events", "upload", "shop", "--file", "."),
    ("events", "upload", "shop"),
)


def told(err: str) -> bool:
    """True for an error in a sentence, without a traceback."""
    return "Error: " in err and "Traceback" not in err


@pytest.mark.parametrize("command", MISUSES, ids=" ".join)
def test_a_command_written_wrongly_exits_2(vibes: Vibes, shop: str, command: list[str]) -> None:
    done = vibes(*command)

    assert (done.code, told(done.err)) == (2, True)
    assert shop


@pytest.mark.parametrize("command", ABSENT, ids=" ".join)
def test_what_is_not_there_exits_3(vibes: Vibes, shop: str, command: list[str]) -> None:
    done = vibes(*command)

    assert (done.code, told(done.err), "Try: " in done.err) == (3, True, True)
    assert shop


@pytest.mark.parametrize("command", INVALID, ids=" ".join)
def test_what_cannot_be_used_exits_5(vibes: Vibes, shop: str, command: list[str]) -> None:
    done = vibes(*command)

    assert (done.code, told(done.err), "Try: " in done.err) == (5, True, True)
    assert shop


def test_a_typo_suggests_what_was_meant(vibes: Vibes, shop: str) -> None:
    assert "'analyze'" in vibes("analyse", shop).err
    assert "shop" in vibes("analyze", "shopp").err.partition("Try: ")[2]
    assert "--level" in vibes("analyze", shop, "--lvel", "0.9").err
    assert "--a?" in vibes("ask", shop, "compare", "--aa", "A").err


def test_bad_rows_are_named_by_line_column_and_reason(vibes: Vibes, shop: str) -> None:
    done = vibes("events", "upload", shop, stdin=b"variant,converted\nA,1\nB,maybe\nC,\n")

    assert done.code == 5
    assert "line 3, converted: " in done.err
    assert "line 4: " in done.err
    assert "--skip-bad-rows" in done.err


def test_missing_columns_show_how_to_map_them(vibes: Vibes, shop: str) -> None:
    done = vibes("events", "upload", shop, stdin=b"group_name,bought\nA,1\n")

    assert done.code == 5
    assert "--map variant=" in done.err


def test_a_missing_observations_experiment_leads_to_ingest(plain: object) -> None:
    done = run_here("compare", "--event", "e", "--A", "a", "--B", "b")

    assert plain
    assert done.code == 3
    assert "vibes ingest" in done.err


def test_a_missing_experiment_of_rates_leads_to_its_own_ingest(vibes: Vibes) -> None:
    done = vibes("summary", "-x", "eq", "--event", "e", "--cohort", "a")

    assert done.code == 3
    assert "ingest -x eq --file data.csv`" in done.err


def test_an_ending_that_is_no_format_names_those_there_are(vibes: Vibes, tmp_path: Path) -> None:
    done = vibes("generate", "bernoulli", "-n", "5", "-o", str(tmp_path / "events.xyz"))

    assert ".csv, .json, .ndjson, .jsonl, .parquet" in done.err
    assert not (tmp_path / "events.xyz").exists()


@pytest.mark.parametrize(
    "written", [("--rope", "relative:0.02"), ("--rope.half-width", "0.02")], ids=" ".join
)
def test_a_choice_of_records_says_how_it_is_written(
    vibes: Vibes, shop: str, written: tuple[str, ...]
) -> None:
    done = vibes("analyze", shop, *written)

    way = done.err.partition("or --rope.kind relative ")[2].partition(";")[0].split()
    again = vibes("analyze", shop, "--rope.kind", "relative", *way)
    assert (done.code, "absolute or relative" in done.err, again.code) == (5, True, 0)


def test_a_dead_server_exits_7_with_what_to_do() -> None:
    done = run_here("--url", "http://127.0.0.1:9", "experiments", "list")

    assert done.code == 7
    assert "vibes serve" in done.err


def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBES_URL", "nowhere")

    done = run_here("experiments", "list")

    assert (done.code, told(done.err)) == (5, True)


def test_a_home_that_cannot_be_made_leads_to_doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VIBES_HOME", str(tmp_path / "file" / "home"))

    done = run_here("experiments", "list")

    assert (done.code, told(done.err)) == (1, True)
    assert "vibes doctor" in done.err
    assert run_here("doctor").code == 1


def test_a_server_for_everybody_without_tokens_exits_4() -> None:
    done = run_here("serve", "--host", "0.0.0.0")  # noqa: S104  # it must be refused

    assert done.code == 4
    assert "VIBES_AUTH_SECRET" in done.err


def test_a_secret_that_is_too_short_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBES_AUTH_SECRET", "short")

    done = run_here("token", "create")

    assert (done.code, told(done.err)) == (5, True)
    assert "VIBES_AUTH_SECRET: must be at least 32 bytes" in done.err
    assert "Value error" not in done.err
    assert "short" not in done.err


def test_advice_goes_where_the_command_went(vibes: Vibes, address: str) -> None:
    """What is pasted must not end up in the folder of this machine."""
    assert f"`vibes --url {address} runs list`" in vibes("runs", "show", "nope").err


def test_advice_names_the_folder_that_was_given(tmp_path: Path) -> None:
    done = run_here("--home", str(tmp_path / "my lake"), "runs", "show", "nope")

    assert f"`vibes --home '{tmp_path / 'my lake'}' runs list`" in done.err


def test_a_server_of_this_machine_that_is_down_can_be_started_where_it_was() -> None:
    done = run_here("--url", "http://127.0.0.1:9", "runs", "list")

    assert (done.code, "`vibes serve --port 9`" in done.err) == (7, True)


def test_an_address_without_http_is_given_with_it() -> None:
    assert "http://db.example:8000" in run_here("--url", "db.example:8000", "runs", "list").err


@pytest.mark.parametrize(
    "command", [("analyze",), ("report",), ("ask", "loss")], ids=lambda words: words[0]
)
def test_an_experiment_without_events_says_how_to_send_some(
    vibes: Vibes, command: tuple[str, ...]
) -> None:
    vibes("experiments", "create", "fresh", "--type", "ab-test")

    done = vibes(command[0], "fresh", *command[1:])

    assert (done.code, "fresh has no events yet" in done.err) == (5, True)
    assert "events upload --name fresh --file" in done.err


def test_a_file_that_is_not_there_names_the_one_that_may_be_meant(
    vibes: Vibes, shop: str, tmp_path: Path
) -> None:
    (tmp_path / "events.csv").write_text("variant,converted\n")

    done = vibes("events", "upload", shop, "--file", str(tmp_path / "event.csv"))

    assert f"Did you mean {tmp_path / 'events.csv'}?" in done.err


def test_an_empty_file_is_named(vibes: Vibes, shop: str, tmp_path: Path) -> None:
    (tmp_path / "events.csv").touch()

    done = vibes("events", "upload", shop, "--file", str(tmp_path / "events.csv"))

    assert (done.code, f"{tmp_path / 'events.csv'} is empty" in done.err) == (5, True)
