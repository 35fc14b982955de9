"""The guide of the staged routes: its program runs, and prints what the page says it prints."""

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import serving
from tests.cli.terminal import environment
from tests.docs.conftest import ROOT, blocks

PAGE = "docs/guides/marketing-mix-routes.md"


def test_the_program_prints_what_the_page_shows(tmp_path: Path) -> None:
    program = "".join(blocks(PAGE, "python"))
    shown = "".join(blocks(PAGE, "text"))
    with serving(tmp_path / "home") as (_, address):
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                program.replace("http://localhost:8000", address),
            ],
            env=environment(tmp_path / "home", PYTHONPATH=str(ROOT / "examples")),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.stderr == ""
    assert done.stdout == shown


def test_every_route_of_the_page_is_served() -> None:
    from pymc_vibes.http.app import create_app
    from pymc_vibes.settings import Settings

    known = create_app(Settings(), quiet=True).openapi()["paths"]
    text = (ROOT / PAGE).read_text("utf-8").replace("/datasets/{id}", "/datasets/{dataset_id}")
    told = re.findall(r"`(GET|POST) (/[^`]+)`", text.replace("/runs/{id}", "/runs/{run_id}"))
    real = [(how, where) for how, where in told if "/sample_001/" not in where]

    assert len(real) >= 10
    assert [pair for pair in real if pair[0].lower() not in known.get(pair[1], {})] == []
