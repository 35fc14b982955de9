"""The guide for teams, followed on real servers; and compose.yaml, held against the settings."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.settings import Settings, load_settings, variables
from tests.cli import terminal
from tests.docs.conftest import ROOT, Step, blocks, follow, steps
from tests.servers import ObjectStore, Postgres

PAGE = "docs/guides/team.md"
# what would stay for ever, and what keeps it from the ports of others
STAYING = {"vibes serve --no-worker": ("--port", "0"), "vibes worker": ()}


@pytest.fixture
def real(postgres: Postgres, object_store: ObjectStore) -> dict[str, str]:
    """What the page calls its servers and secrets, and what they are here."""
    return {
        "team-password": postgres.password,
        "127.0.0.1:5432": f"127.0.0.1:{postgres.port}",
        "127.0.0.1:9000": f"127.0.0.1:{object_store.port}",
        "team-key": object_store.key_id,
        "team-secret": object_store.secret,
    }


def here(text: str, real: dict[str, str]) -> str:
    for name, value in real.items():
        text = text.replace(name, value)
    return text


def seen(step: Step, folder: Path) -> tuple[int, str]:
    """Do what a step says; what would stay is stopped once it shows what the page shows."""
    if step.command not in STAYING:
        return follow(step, folder)
    command = [*terminal.VIBES, *step.command.split()[1:], *STAYING[step.command]]
    plain = terminal.environment(folder / "home")
    with subprocess.Popen(
        command, cwd=folder, env=plain, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        shown = ""
        for line in process.stderr:
            shown += line
            if step.matches(shown):
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    return process.returncode, shown


def test_every_step_shows_what_the_page_shows(real: dict[str, str], tmp_path: Path) -> None:
    to_run = [
        Step(here(step.command, real), here(step.shown, real))
        for block in blocks(PAGE, "console")
        for step in steps(block)
    ]

    screens = [(step, *seen(step, tmp_path)) for step in to_run]

    wrong = [
        f"$ {step.command}\n[exit {code}]\n{screen}"
        for step, code, screen in screens
        if (code != 0) != step.must_fail or not step.matches(screen)
    ]
    assert screens
    assert not wrong, "\n".join(wrong)


def test_the_page_names_every_variable_that_is_read_beside_ours() -> None:
    text = (ROOT / PAGE).read_text("utf-8")

    missing = [
        name
        for field in Settings.model_fields
        for name in variables(field)
        if len(variables(field)) > 1 and f"`{name}`" not in text
    ]

    assert missing == []


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8")))


def test_compose_sets_only_settings_that_there_are(
    monkeypatch: pytest.MonkeyPatch, compose: dict[str, Any]
) -> None:
    known = {name for field in Settings.model_fields for name in variables(field)}

    for service in ("init", "server", "worker"):
        given = compose["services"][service]["environment"]
        assert set(given) - known == set()
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        assert not load_settings().is_embedded


def test_an_example_that_nobody_filled_in_starts_no_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text("utf-8"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadConfig, match="VIBES_AUTH_SECRET"):
        load_settings()


def test_compose_names_the_databases_and_the_buckets(compose: dict[str, Any]) -> None:
    given = compose["services"]["server"]["environment"]

    databases = {given[f"VIBES_{name}"].rpartition("/")[2] for name in ("CATALOG", "LEDGER")}
    buckets = {given[f"VIBES_{name}"].split("/")[2] for name in ("DATA", "ARTIFACTS")}
    assert databases == {"ducklake_catalog", "mlflow"}
    assert buckets == {"ducklake", "mlflow"}


def test_nothing_starts_before_the_stores_are_made(compose: dict[str, Any]) -> None:
    services = compose["services"]

    for name in ("server", "worker", "mlflow"):
        assert services[name]["depends_on"]["init"]["condition"] == "service_completed_successfully"
    assert set(services["init"]["depends_on"]) == {"postgres", "objects"}
    assert services["worker"]["deploy"]["replicas"] == 2


def test_compose_shows_no_port_to_the_network_and_holds_no_secret(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    ports = [port for each in compose["services"].values() for port in each.get("ports", ())]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    secrets = set(re.findall(r"\$\{(\w+)", text))
    example = (ROOT / ".env.example").read_text("utf-8")
    assert secrets == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))


def test_the_ledgers_image_has_the_release_that_the_lock_names() -> None:
    lock = (ROOT / "uv.lock").read_text("utf-8")
    named = re.search(r'name = "mlflow-skinny"\nversion = "([^"]+)"', lock)

    assert named is not None
    assert f'"mlflow=={named[1]}"' in (ROOT / "Dockerfile").read_text("utf-8")
