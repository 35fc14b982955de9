"""Answers as JSON: what programs read, and what is read back."""

import json

import pytest

from pymc_vibes.core.answer import Diagnostics, Verdict


@pytest.mark.parametrize(
    ("verdict", "converged"), [("good", True), ("warning", True), ("problem", False)]
)
def test_programs_read_whether_a_fit_converged(verdict: Verdict, converged: bool) -> None:  # noqa: FBT001  # the expected value
    diagnostics = Diagnostics(method="nuts", verdict=verdict)

    document = json.loads(diagnostics.model_dump_json())

    assert document["converged"] is converged
    assert Diagnostics.model_validate(document) == diagnostics
