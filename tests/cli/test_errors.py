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
