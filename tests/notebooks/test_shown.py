"""What a notebook shows of an answer, and how data get from a notebook into the lake."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import pymc_vibes as pv
from pymc_vibes.core.answer import Summary, Table
from pymc_vibes.notebook import card_of, table_of, teach
from pymc_vibes.service import Service

ROWS = {"timestamp": ["2024-01-01"] * 2, "group": ["a|b", "<b>"], "trials": [50, 40]}
COUNTS = pd.DataFrame(ROWS | {"successes": [20, 30]})


def in_ibis(counts: pd.DataFrame) -> Any:
    return ibis.memtable(pa.Table.from_pandas(counts))


@pytest.fixture
def lake(tmp_path: Path) -> Generator[Service]:
    with pv.connect(tmp_path) as opened:
        opened.create("trials", "bernoulli")
        yield opened


@pytest.fixture
def shell() -> Generator[InteractiveShell]:
    """A shell as a notebook's kernel has one; it knows its own formats only."""
    yield InteractiveShell()
    InteractiveShell.clear_instance()


def formats(shell: InteractiveShell, value: Any) -> dict[str, Any]:
    teach(shell)
    with capture_output():
        shown, _ = shell.display_formatter.format(value)
    return dict(shown)


@pytest.mark.parametrize("made", [pd.DataFrame, pa.Table.from_pandas, in_ibis])
def test_a_table_of_any_library_goes_in(lake: Service, made: Any) -> None:
    receipt = lake.upload_table("trials", made(COUNTS))

    assert receipt.ingested == 2
    assert {row[2:] for row in lake.preview("trials").rows} == {("a|b", 50, 20), ("<b>", 40, 30)}


def test_the_index_of_a_frame_is_no_column(lake: Service) -> None:
    lake.upload_table("trials", COUNTS.set_index(pd.Index([7, 9])))

    assert not [name for name in lake.preview("trials").columns if "index" in name]


def test_a_figure_is_a_declaration_a_picture_and_a_sentence(
    lake: Service, shell: InteractiveShell
) -> None:
    lake.upload_table("trials", COUNTS)
    (figure, *_) = lake.analyze("trials").figures

    shown = formats(shell, figure)

    assert shown["image/png"].startswith(b"\x89PNG")
    assert json.dumps(shown["application/vnd.vegalite.v6+json"])
    assert figure.title in shown["text/plain"]


def test_an_answer_is_a_card_and_in_a_terminal_a_sentence(
    lake: Service, shell: InteractiveShell
) -> None:
    receipt = lake.upload_table("trials", COUNTS)
    answer = lake.analyze("trials")

    assert formats(shell, answer)["text/plain"] == answer.summary.headline
    assert formats(shell, answer)["text/markdown"] == card_of(answer)
    assert formats(shell, receipt)["text/plain"] == "trials: 2 rows stored"
    assert formats(shell, lake.experiment("trials"))["text/plain"] == "trials (bernoulli): 2 rows"


def test_names_in_a_card_are_text_and_never_markup(lake: Service) -> None:
    lake.upload_table("trials", COUNTS)

    card = card_of(lake.analyze("trials"))

    assert r"a\|b" in card
    assert r"\<b\>" in card
    assert "<b>" not in card


def test_an_answer_that_did_not_converge_says_so_first(lake: Service) -> None:
    lake.upload_table("trials", COUNTS)
    answer = lake.analyze("trials")
    doubt = answer.diagnostics.model_copy(update={"verdict": "problem", "reasons": ("R-hat 1.4",)})

    card = card_of(answer.model_copy(update={"diagnostics": doubt}))

    assert card.startswith("**Do not rely on this answer:** R-hat 1.4")


def test_a_long_table_says_how_much_of_it_is_shown() -> None:
    table = Table(
        name="many", title="Many", columns=("n",), rows=tuple((i,) for i in range(30)), total=30
    )

    assert table_of(table).endswith("20 of 30 rows")


def test_a_table_is_found_by_name_and_becomes_a_frame() -> None:
    table = Table(name="rates", title="Rates", columns=("who", "rate"), rows=(("a", 0.5),))
    summary = Summary(headline="One.", tables=(table,))

    assert summary.table("rates").frame().to_dict("list") == {"who": ["a"], "rate": [0.5]}
    with pytest.raises(KeyError, match="there is rates"):
        summary.table("other")


def test_a_lake_needs_no_block_and_closes(tmp_path: Path) -> None:
    lake = pv.connect(tmp_path)
    lake.create("trials", "bernoulli")
    lake.close()

    with pv.connect(tmp_path) as again:
        assert [one.name for one in again.experiments()] == ["trials"]


def test_a_setting_of_several_forms_asks_for_its_form(lake: Service) -> None:
    prior = {"mean": 0.5, "effective_sample_size": 2}

    with pytest.raises(pv.VibesError, match="prior: name its form under 'kind'"):
        lake.create("other", "bernoulli", config={"prior": prior})


def test_a_question_without_parameters_needs_none(lake: Service) -> None:
    lake.upload_table("trials", COUNTS)

    assert lake.ask("trials", "predict").data == lake.ask("trials", "predict", {}).data


def test_a_card_leaves_out_numbers_that_matter_least_and_says_where_they_are(lake: Service) -> None:
    lake.upload_table("trials", COUNTS)
    answer = lake.analyze("trials")

    card = card_of(answer)

    (rates,) = answer.summary.tables
    assert {"alpha", "sd"} <= set(rates.columns)
    assert "Alpha" not in card
    assert f"`.summary.table(NAME).frame()`, of `{rates.name}`." in card


def test_a_card_says_how_the_answer_was_computed_and_what_to_be_careful_about(
    lake: Service,
) -> None:
    lake.upload_table("trials", COUNTS)
    answer = lake.analyze("trials")
    found = answer.diagnostics.model_copy(
        update={"method": "nuts", "verdict": "warning", "reasons": ("few_draws",), "why": None}
        | {"r_hat_max": 1.0123, "divergences": 2}
    )

    card = card_of(answer.model_copy(update={"diagnostics": found}))

    assert r"- **Careful:** few\_draws" in card
    assert card.endswith("*Sampled by NUTS; largest R-hat 1.012; divergences 2.*")
