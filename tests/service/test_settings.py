"""What an experiment remembers of its settings, and what a question lays over them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pymc_vibes.core.errors import BadConfig
from pymc_vibes.service import Service

EVENTS = "ts,cohort,event,count\n2024-03-01,A,e,5\n2024-03-10,A,e,1\n2024-03-10,B,e,9\n"
REFERENCE: Mapping[str, Any] = {
    "n_samples": 500,
    "random_seed": 7,
    "mu_prior_rate": 0.2,
    "alpha_prior_sd": 3,
}


@pytest.fixture
def rates(service: Service, tmp_path: Path) -> Service:
    service.create("rates", "poisson-cohorts", config={"alpha0": 2, "beta0": 1.5})
    path = tmp_path / "rates.csv"
    path.write_text(EVENTS)
    service.upload("rates", path)
    return service


def test_settings_given_by_an_alias_are_stored_by_their_own_name(service: Service) -> None:
    config: Any = service.create("hosts", "entity-rates", config=REFERENCE).config

    assert (config["draws"], config["seed"]) == (500, 7)
    assert config["prior"]["mu_prior"] == {"kind": "exponential", "rate": 0.2}
    assert config["prior"]["alpha_prior_sd"] == 3
    assert config.keys() == {"draws", "seed", "prior"}


def test_an_alias_changes_what_is_stored(service: Service) -> None:
    service.create("hosts", "entity-rates", config=REFERENCE)

    config: Any = service.configure("hosts", {"n_samples": 600, "mu_prior_rate": 0.5}).config
    back = service.configure("hosts", {"n_samples": None}).config

    assert config["draws"] == 600
    assert config["prior"]["mu_prior"]["rate"] == 0.5
    assert config["prior"]["alpha_prior_sd"] == 3
    assert "draws" not in back


def test_a_setting_and_its_alias_together_are_refused(service: Service) -> None:
    with pytest.raises(BadConfig, match="twice"):
        service.create("hosts", "entity-rates", config={"n_samples": 500, "draws": 600})


@pytest.mark.parametrize(("unit", "days"), [("hour", 1 / 24), ("week", 7), ("year", 365.25)])
@pytest.mark.parametrize("model", ["independent", "hierarchical"])
def test_a_stored_prior_follows_the_unit_of_a_question(
    rates: Service, unit: str, days: float, model: str
) -> None:
    rates.configure("rates", {"mean_median": 0.3, "model": model})

    by_day = rates.analyze("rates").summary.estimates[0]
    by_unit = rates.analyze("rates", {"unit": unit}).summary.estimates[0]

    assert by_day.mean is not None
    assert by_unit.mean == pytest.approx(by_day.mean * days, rel=1e-9)


def test_a_prior_that_is_asked_for_is_in_the_unit_that_is_asked_for(rates: Service) -> None:
    asked = rates.analyze("rates", {"unit": "hour", "beta0": 3}).provenance.config

    assert (asked["unit"], asked["beta0"]) == ("hour", 3)


def test_another_unit_for_good_takes_the_prior_along(rates: Service) -> None:
    before = rates.analyze("rates").summary.estimates[0].mean
    config: Any = rates.configure("rates", {"unit": "week"}).config
    after = rates.analyze("rates").summary.estimates[0].mean

    assert config["beta0"] == pytest.approx(1.5 / 7)
    assert before is not None
    assert after == pytest.approx(7 * before)
