"""Journals: entries are made once, in order, know those before them, and stay."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pymc_vibes.cli.app import execute
from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.errors import QueryNotFound
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.http.app import create_app
from pymc_vibes.http.auth import create_token
from pymc_vibes.service import Service
from pymc_vibes.service.setup import prepare_stores
from pymc_vibes.settings import Settings
from tests.service.diary import FEW, registered

AUTHOR = Path(__file__).with_name("author.py")
ENTRIES = "/api/v1/experiments/diary/write"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where other processes find the kind."""
    with registered(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(tmp_path: Path, path: str, request: pytest.FixtureRequest) -> Settings:
    """Settings with a run table of each sort."""
    assert path
    queue = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    found = Settings(home=tmp_path / "home", queue=queue, ledger="off")
    assert list(prepare_stores(found))
    return found


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    opened = Service.open(settings)
    opened.create("diary", "diary")
    upload(opened, settings.home, FEW)
    yield opened
    opened.close()


@pytest.fixture
def local(tmp_path: Path, path: str) -> Iterator[TestClient]:
    assert path
    with TestClient(create_app(Settings(home=tmp_path / "web", ledger="off"), quiet=True)) as web:
        made = web.post("/api/v1/experiments", json={"name": "diary", "kind": "diary"})
        made.raise_for_status()
        rows = web.post("/api/v1/experiments/diary/events", content=FEW,
                        headers={"Content-Type": "text/csv"})  # fmt: skip
        rows.raise_for_status()
        yield web


def upload(service: Service, folder: Path, rows: str) -> None:
    file = folder / "rows.csv"
    file.write_text(rows)
    service.upload("diary", file, UploadOptions(format="csv"))


def write(service: Service, text: str) -> QueryAnswer:
    return service.ask("diary", "write", {"text": text})


def number(answer: QueryAnswer) -> int:
    assert answer.entry is not None
    return answer.entry.number


def test_entries_are_numbered_and_know_those_before_them(service: Service) -> None:
    first, second = write(service, "one"), write(service, "two")

    assert [number(first), number(second)] == [1, 2]
    assert [first.data["before"], second.data["before"]] == [[], ["one"]]


def test_asking_the_same_again_gives_the_entry_that_is_kept(service: Service) -> None:
    first = write(service, "one")
    write(service, "two")

    assert write(service, "one") == first
    assert len(service.entries("diary", "write")) == 2


def test_new_data_make_a_new_entry_of_the_same_words(service: Service, settings: Settings) -> None:
    write(service, "one")
    upload(service, settings.home, FEW + "coin,1\n")

    later = write(service, "one")

    assert number(later) == 2
    assert later.data["before"] == ["one"]


def test_clearing_the_cache_leaves_entries_and_makes_none(service: Service) -> None:
    first = write(service, "one")
    service.clear_cache("diary")

    assert service.entries("diary", "write") == (first,)
    assert write(service, "one") == first


def test_listing_makes_no_entry(service: Service) -> None:
    assert service.entries("diary", "write") == ()
    assert service.entries("diary", "write") == ()


def test_an_experiment_of_the_same_name_starts_a_journal_of_its_own(
    service: Service, settings: Settings
) -> None:
    write(service, "one")
    service.delete("diary")
    service.create("diary", "diary")
    upload(service, settings.home, FEW)

    assert service.entries("diary", "write") == ()
    assert number(write(service, "one")) == 1


def test_a_run_has_no_journal(service: Service) -> None:
    run = service.analyze("diary").run_id

    with pytest.raises(QueryNotFound, match="journal of the experiment"):
        service.ask_run(run, "write", {})


def both_write(settings: Settings, path: str, folder: Path, *texts: str) -> list[QueryAnswer]:
    """Let two processes write at once: both have thought before either is kept."""
    meeting = folder / "meeting"
    meeting.mkdir()
    environment = settings.environment() | {"PYTHONPATH": path, "DIARY_MEETING": str(meeting)}
    authors = [
        subprocess.Popen([sys.executable, str(AUTHOR), text], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for text in texts
    ]  # fmt: skip
    said = [author.communicate(timeout=300) for author in authors]
    assert [author.returncode for author in authors] == [0, 0], said
    return [QueryAnswer.model_validate_json(out) for out, _ in said]


def test_of_two_processes_at_once_the_second_sees_the_first(
    service: Service, settings: Settings, path: str, tmp_path: Path
) -> None:
    found = both_write(settings, path, tmp_path, "left", "right")

    first, second = sorted(found, key=number)
    assert [number(first), number(second)] == [1, 2]
    assert first.data["before"] == []
    assert second.data["before"] == [first.data["text"]]
    assert service.entries("diary", "write") == (first, second)


def test_two_processes_that_ask_the_same_share_one_entry(
    service: Service, settings: Settings, path: str, tmp_path: Path
) -> None:
    left, right = both_write(settings, path, tmp_path, "same", "same")

    assert left == right
    assert service.entries("diary", "write") == (left,)


# surfaces


def test_reading_lists_and_posting_adds(local: TestClient) -> None:
    before = local.get(ENTRIES).json()
    made = local.post(ENTRIES, json={"parameters": {"text": "one"}}).json()

    assert before == {"entries": []}
    assert made["entry"]["number"] == 1
    assert local.get(ENTRIES).json() == {"entries": [made]}


def test_a_run_says_where_its_journal_is(local: TestClient) -> None:
    run = local.post("/api/v1/experiments/diary/runs", json={}).json()["run_id"]

    answer = local.post(f"/api/v1/runs/{run}/write", json={})

    assert answer.status_code == 404
    assert "journal of the experiment" in answer.json()["detail"]


def test_the_page_adds_by_posting_alone(local: TestClient) -> None:
    page = "/experiments/diary/ask/write"

    looked = local.get(page, params={"text": "one", "asked": "1"}).text
    posted = local.post(page, data={"text": "one"}).text
    listed = local.get(page).text

    assert "Kept so far" not in looked
    assert "Entry 1" in posted
    assert "one, after 0." in listed
    assert len(local.get(ENTRIES).json()["entries"]) == 1


def test_an_entry_is_shown_and_downloaded_by_its_number(local: TestClient) -> None:
    page = "/experiments/diary/ask/write"
    for text in ("one", "two"):
        local.post(page, data={"text": text})

    shown = local.get(page, params={"entry": "1"})
    file = local.get(page, params={"entry": "2", "report": "1"})
    missing = local.get(page, params={"entry": "3"})

    assert '<p class="headline small" dir="auto">one, after' in shown.text
    assert 'filename="diary-write-2.html"' in file.headers["Content-Disposition"]
    assert "two, after" in file.text
    assert missing.status_code == 404


def test_an_answer_comes_as_one_file_without_scripts(local: TestClient) -> None:
    answer = local.post(ENTRIES, json={"parameters": {"text": "one"}}, params={"format": "html"})

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "vibes ask diary write --set text=one" in answer.text
    assert "<script" not in answer.text
    assert "http-equiv" not in answer.text


def test_adding_needs_the_scope_of_runs(tmp_path: Path, path: str) -> None:
    assert path
    locked = Settings(home=tmp_path / "locked", auth_secret="x" * 40, ledger="off")
    tokens = {scope: create_token(locked, "ann", [scope], 1) for scope in ("read", "admin")}
    headers = {scope: {"Authorization": f"Bearer {token}"} for scope, token in tokens.items()}
    with TestClient(create_app(locked, quiet=True)) as web:
        web.post("/api/v1/experiments", json={"name": "diary", "kind": "diary"},
                 headers=headers["admin"]).raise_for_status()  # fmt: skip
        added = web.post(ENTRIES, json={}, headers=headers["read"]).status_code
        read = web.get(ENTRIES, headers=headers["read"]).status_code

    assert [added, read] == [403, 200]


def vibes(settings: Settings, *arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert execute(["--home", str(settings.home), "ask", "diary", "write", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_terminal_lists_without_adding_and_writes_a_file(
    service: Service, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(service, "one")
    report = tmp_path / "entry.html"

    listed = vibes(settings, "--entries", capsys=capsys)
    made = vibes(settings, "--text", "two", "--report", str(report), capsys=capsys)

    assert "one, after 0." in listed
    assert "Entry 2, kept since" in made
    assert "two, after 1." in report.read_text()
    assert len(service.entries("diary", "write")) == 2
