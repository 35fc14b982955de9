"""The report: one file that opens without a server."""

import re
from collections.abc import Iterator
from html import escape

import pytest
from starlette.testclient import TestClient

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.http import report
from pymc_vibes.http.app import create_app
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Analysis, Service
from pymc_vibes.service.worlds import example_world
from pymc_vibes.settings import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an example of every kind."""
    opened = Service.open(Settings(home=tmp_path_factory.mktemp("report") / "home"))
    for slug in catalog():
        example_world(opened, slug, size=600)
    yield opened
    opened.close()


def analysis_of(service: Service, slug: str) -> Analysis:
    return service.analysis(f"demo-{slug}")


@pytest.fixture(params=sorted(catalog()))
def analysis(service: Service, request: pytest.FixtureRequest) -> Analysis:
    return analysis_of(service, request.param)


def text_of(service: Service, analysis: Analysis) -> str:
    return report.render_report(service.run(analysis.answer.run_id), analysis)


def test_the_report_holds_the_answer_and_its_birth_certificate(
    service: Service, analysis: Analysis
) -> None:
    text = text_of(service, analysis)

    provenance = analysis.answer.provenance
    wanted = (provenance.key, provenance.cells_hash, analysis.answer.run_id)
    assert all(word in text for word in wanted)
    assert str(escape(analysis.answer.summary.headline, quote=False)) in text


def test_every_figure_is_drawn_in_it(service: Service, analysis: Analysis) -> None:
    text = text_of(service, analysis)

    assert text.count("<svg") == text.count('role="img"') == len(analysis.answer.figures) > 0


def test_it_needs_nothing_from_elsewhere(service: Service, analysis: Analysis) -> None:
    text = text_of(service, analysis)

    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', text.replace("xlink:href", "href")) == []
    assert re.findall(r"url\((?!#)|@import", text) == []


def test_a_problem_comes_before_the_verdict_and_marks_it(service: Service) -> None:
    analysis = analysis_of(service, "ab-test")
    bad = Diagnostics(method="nuts", verdict="problem", reasons=("R-hat is 1.08",))
    answer = analysis.answer.model_copy(update={"diagnostics": bad})

    text = report.render_answer(
        answer, dict.fromkeys((f.name for f in answer.figures), ""), analysis.kind, config={}
    )

    verdict = text.index('<h1 dir="auto">')
    assert text.index("Do not rely on this: R-hat is 1.08.") < verdict
    assert text.index('<p class="stamp">Doubtful</p>') < verdict


def test_it_is_served_as_a_file(service: Service) -> None:
    with TestClient(create_app(service.settings, service=service, quiet=True)) as client:
        run_id = analysis_of(service, "bernoulli").answer.run_id

        answer = client.get(f"/api/v1/runs/{run_id}/report")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_ids_of_one_figure_are_not_those_of_another(service: Service) -> None:
    """Two figures of a page may each have a clip path that the drawer gave the same name."""
    page = text_of(service, analysis_of(service, "ab-test"))

    ids = re.findall(r'<[^<>]* id="([^"]*)"', page)
    referred = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page)

    assert len(ids) == len(set(ids))
    assert {a or b for a, b in referred} <= set(ids)
