"""The doctor on a machine of its own: what it finds, what it says of settings, what it hides."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pymc_vibes.service import doctor
from pymc_vibes.service.health import HealthCheck
from pymc_vibes.settings import Settings, load_settings

SECRET = "a secret of the doctor's tests, long enough"  # noqa: S105  # of these tests only
LIGHT = """
import sys
from pathlib import Path
from pymc_vibes.service.doctor import examine
from pymc_vibes.settings import Settings
found = list(examine(Settings(home=Path(sys.argv[1]))))
assert all(check.ok for check in found), found
assert not {"mlflow", "boto3", "psycopg", "pymc"} & set(sys.modules)
"""


def examined(settings: Settings) -> dict[str, HealthCheck]:
    return {check.name: check for check in doctor.examine(settings)}


def home(folder: Path) -> Settings:
    return Settings(home=folder / "home", sampler_cache=folder / "sampler")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Work in an empty folder, with an `.env` file of that content."""
    monkeypatch.chdir(tmp_path)

    def write(content: str) -> None:
        (tmp_path / ".env").write_text(content)

    return write


def test_an_empty_home_is_well(tmp_path: Path) -> None:
    found = examined(home(tmp_path))

    assert [check for check in found.values() if not check.ok] == []
    assert set(found) >= {"lake", "data", "artifacts", "runs", "ledger", "clock", "executor"}


def test_an_embedded_home_needs_no_library_of_team_mode(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_home_that_is_a_file_does_not_hide_the_rest(tmp_path: Path) -> None:
    (tmp_path / "home").touch()

    found = examined(home(tmp_path))

    assert not found["home"].ok
    assert not found["lake"].ok
    assert found["python"].ok
    assert found["executor"].ok


def test_a_sampler_cache_that_everybody_can_write_to_is_told(tmp_path: Path) -> None:
    settings = home(tmp_path)
    settings.sampler_cache.mkdir()
    settings.sampler_cache.chmod(0o777)

    found = examined(settings)["sampler"]

    assert not found.ok
    assert "chmod" in found.mend


def test_a_ledger_of_another_release_is_told(tmp_path: Path) -> None:
    settings = home(tmp_path)
    settings.home.mkdir()
    with sqlite3.connect(settings.ledger_place) as made:
        made.execute("CREATE TABLE alembic_version AS SELECT 'another' AS version_num")
        made.execute("CREATE TABLE runs AS SELECT 1 AS run")
    made.close()

    found = examined(settings)["ledger"]

    assert not found.ok
    assert "schema another" in found.found
    assert "mlflow db upgrade" in found.mend


def test_a_ledger_that_is_no_database_is_told(tmp_path: Path) -> None:
    settings = home(tmp_path)
    settings.home.mkdir()
    Path(settings.ledger_place).write_text("not a database, but a text that is long enough\n" * 20)

    assert not examined(settings)["ledger"].ok


def test_a_ledger_that_is_off_is_well(tmp_path: Path) -> None:
    found = examined(home(tmp_path).model_copy(update={"ledger": "off"}))["ledger"]

    assert found.ok
    assert "off" in found.found


def test_a_check_that_hangs_does_not_hide_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, write = os.pipe()

    def hang(_settings: Settings) -> HealthCheck:
        os.read(read, 1)
        raise OSError("over")

    monkeypatch.setattr(doctor, "CHECKS", {"slow": hang, "python": doctor.CHECKS["python"]})

    slow, python = doctor.examine(home(tmp_path), patience=2)
    os.write(write, b"x")

    assert not slow.ok
    assert "did not end" in slow.found
    assert python.ok


def test_a_fault_of_ours_is_one_check_that_is_not_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def break_down(_settings: Settings) -> HealthCheck:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(doctor, "CHECKS", {"lake": break_down})

    (found,) = doctor.examine(home(tmp_path))

    assert (found.ok, found.found) == (False, "ZeroDivisionError: by nought")


@pytest.mark.parametrize(
    ("variables", "dotenv", "setting", "origin"),
    [
        ({}, "", "VIBES_LEDGER", "default"),
        ({"MLFLOW_TRACKING_URI": "a"}, "", "VIBES_LEDGER", "MLFLOW_TRACKING_URI"),
        ({"MLFLOW_TRACKING_URI": "a", "VIBES_LEDGER": "b"}, "", "VIBES_LEDGER", "VIBES_LEDGER"),
        ({}, "VIBES_LEDGER=a", "VIBES_LEDGER", "VIBES_LEDGER in .env"),
        ({"MLFLOW_TRACKING_URI": "a"}, "VIBES_LEDGER=b", "VIBES_LEDGER", "MLFLOW_TRACKING_URI"),
        (
            {"MLFLOW_S3_ENDPOINT_URL": "http://a"},
            "",
            "VIBES_S3_ENDPOINT",
            "MLFLOW_S3_ENDPOINT_URL",
        ),
    ],
)
def test_a_setting_names_the_variable_that_gave_it(
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: Callable[[str], None],
    variables: dict[str, str],
    dotenv: str,
    setting: str,
    origin: str,
) -> None:
    elsewhere(dotenv)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    shown = {each.variable: each for each in doctor.shown_settings(load_settings())}

    assert shown[setting].origin == origin
    given = {**dict(line.split("=") for line in dotenv.splitlines()), **variables}
    if origin != "default":
        assert shown[setting].value.endswith(given[origin.removesuffix(" in .env")])


def test_a_place_that_only_a_bucket_gives_names_the_bucket_s_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_S3_BUCKET_NAME", "mlflow")

    shown = {each.variable: each for each in doctor.shown_settings(load_settings())}

    kept = shown["VIBES_ARTIFACTS"]
    assert (kept.value, kept.origin) == ("s3://mlflow", "MLFLOW_S3_BUCKET_NAME")


def test_what_the_command_line_gives_is_named_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIBES_HOME", str(tmp_path / "other"))

    shown = {each.variable: each for each in doctor.shown_settings(home(tmp_path))}

    assert shown["VIBES_HOME"].origin == "command line"


def test_it_says_which_of_two_variables_won(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIBES_ARTIFACTS", str(tmp_path / "kept"))
    monkeypatch.setenv("MLFLOW_S3_BUCKET_NAME", "mlflow")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")

    found = examined(load_settings(home=tmp_path / "home"))

    assert "VIBES_ARTIFACTS wins over MLFLOW_S3_BUCKET_NAME" in found["settings"].found
    assert "AWS_REGION wins over AWS_DEFAULT_REGION" in found["settings"].found
    assert str(tmp_path / "kept") in found["artifacts"].found


def test_a_misspelled_setting_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIBES_CATALOGUE", "somewhere")

    found = examined(home(tmp_path))["settings"]

    assert not found.ok
    assert "did you mean VIBES_CATALOG?" in found.mend


def test_no_secret_is_shown(tmp_path: Path) -> None:
    address = "postgresql://ada:top%40secret-1@127.0.0.1:1/lake?sslpassword=inner-secret"
    settings = load_settings(
        home=tmp_path / "home",
        queue=address,
        ledger=address,
        s3_secret="key-of-the-store",  # noqa: S106  # that it is hidden is the point
        auth_secret=SECRET,
        token="a-token-of-ada",  # noqa: S106  # that it is hidden is the point
    )

    told = [each.model_dump_json() for each in examined(settings).values()]
    told += [each.model_dump_json() for each in doctor.shown_settings(settings)]

    hidden = ("top%40secret-1", "top@secret-1", "inner-secret", "key-of-the", SECRET, "a-token-of")
    assert [line for line in told for secret in hidden if secret in line] == []
    assert any("postgresql://ada:***@127.0.0.1:1/lake" in line for line in told)
