"""`vibes doctor` as people read it, and as programs do."""

import json
from pathlib import Path

from tests.cli.terminal import on_terminal, run
from tests.servers import free_port


def test_a_store_that_is_away_is_told_with_how_to_mend_it(tmp_path: Path) -> None:
    address = f"postgresql://ada:canary-secret@127.0.0.1:{free_port()}/runs"

    code, screen = on_terminal("doctor", home=tmp_path, VIBES_QUEUE=address)

    assert code == 1
    assert "MEND  runs: postgresql://ada:***@127.0.0.1:" in screen
    assert "Start PostgreSQL, or correct the address" in screen
    assert "ok    lake: " in screen
    assert "VIBES_QUEUE = postgresql://ada:***@127.0.0.1:" in screen
    assert "(from VIBES_QUEUE)" in screen
    assert "canary-secret" not in screen


def test_programs_read_checks_settings_and_origins(tmp_path: Path) -> None:
    done = run("--home", str(tmp_path / "other"), "doctor", home=tmp_path)

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert all(check["ok"] for check in found["checks"])
    assert found["settings"]["VIBES_HOME"] == str(tmp_path / "other")
    assert found["origins"]["VIBES_HOME"] == "command line"
    assert found["origins"]["VIBES_QUEUE"] == "default"
