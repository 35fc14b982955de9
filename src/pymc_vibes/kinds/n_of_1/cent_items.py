"""The checklist of CENT 2015: 25 items in 44 parts, in our own words.

Vohra, Shamseer, Sampson et al. (2015), *CONSORT extension for reporting N-of-1 trials (CENT) 2015
Statement*, BMJ 350:h1738. Who publishes a trial fills in the checklist as it is printed there.
"""

from dataclasses import dataclass
from typing import Literal

type Scope = Literal["any", "series", "binary"]


@dataclass(frozen=True)
class Item:
    """One part of the checklist."""

    number: str
    section: str
    asks: str
    """What it asks for, in our words."""
    field: str | None = None
    """The text of `protocol` that answers it, where only people can."""
    scope: Scope = "any"
    """`series`: where several people's trials are reported; `binary`: where the outcome is."""


_TITLE, _INTRODUCTION, _METHODS = "Title and abstract", "Introduction", "Methods"
_RESULTS, _DISCUSSION, _OTHER = "Results", "Discussion", "Other information"

ITEMS: tuple[Item, ...] = (
    Item("1a", _TITLE, "Call it an n-of-1 trial, or a series of them, in the title.", "title"),
    Item("1b", _TITLE, "A structured summary of design, methods, results and conclusions.",
         "abstract"),
    Item("2a.1", _INTRODUCTION, "What is known, and why this was tried.", "background"),
    Item("2a.2", _INTRODUCTION, "Why an n-of-1 trial was the right way to try it.", "rationale"),
    Item("2b", _INTRODUCTION, "Objectives or hypotheses.", "objectives"),
    Item("3a", _METHODS, "The design: number of periods planned, their length, run-in, wash-out."),
    Item("3b", _METHODS, "Changes of the methods after the start, with reasons.", "changes"),
    Item("4a", _METHODS, "Who took part: diagnosis, other conditions and therapies.",
         "eligibility"),
    Item("4b", _METHODS, "Where the data were collected.", "setting"),
    Item("4c", _METHODS, "Whether it was research, and whether an ethics board approved it.",
         "ethics"),
    Item("5", _METHODS, "What was given in each period, how and when, so that it can be repeated.",
         "interventions"),
    Item("6a.1", _METHODS, "The outcomes fixed beforehand, how and when they were measured."),
    Item("6a.2", _METHODS, "Whether the measurement is valid and reliable.", "outcomes"),
    Item("6b", _METHODS, "Changes of the outcomes after the start, with reasons.",
         "changes"),
    Item("7a", _METHODS, "How the number of periods, days or people was chosen.", "sample_size"),
    Item("7b", _METHODS, "Looks before the end, and rules of stopping."),
    Item("8a", _METHODS, "Whether the order was left to chance, why, and how it was drawn."),
    Item("8b", _METHODS, "Restrictions on the drawing, such as pairs or blocks."),
    Item("8c", _METHODS, "The whole sequence of periods that was intended."),
    Item("9", _METHODS, "How the sequence was kept hidden until it was needed.", "concealment"),
    Item("10", _METHODS, "Who drew the sequence, who enrolled, who assigned.", "concealment"),
    Item("11a", _METHODS, "Who did not know what was given, and how that was done.", "blinding"),
    Item("11b", _METHODS, "How alike the treatments were.", "blinding"),
    Item("12a", _METHODS, "Statistical methods by which the treatments are compared."),
    Item("12b", _METHODS, "How several trials are combined, and how differences between people "
         "are judged.", scope="series"),
    Item("12c", _METHODS, "How carry-over, effects of periods and correlation of days are dealt "
         "with."),
    Item("13a.1", _RESULTS, "Periods that were completed, in order, and departures from the plan."),
    Item("13a.2", _RESULTS, "How many people enrolled, were assigned, and are analyzed.",
         scope="series"),
    Item("13b", _RESULTS, "People lost or left out after assignment, with reasons.",
         scope="series"),
    Item("14a", _RESULTS, "Dates of recruitment and of the days of follow-up."),
    Item("14b", _RESULTS, "Whether periods or the trial ended early, and why."),
    Item("15", _RESULTS, "A table of who took part, at the start.", "characteristics"),
    Item("16", _RESULTS, "How many periods of each treatment are analyzed."),
    Item("17a.1", _RESULTS, "The results of each period, with a picture of the data."),
    Item("17a.2", _RESULTS, "The effect and how precise it is."),
    Item("17b", _RESULTS, "Of a yes-or-no outcome, the absolute and the relative effect.",
         scope="binary"),
    Item("18", _RESULTS, "Other analyses: carry-over, periods, correlation, sensitivity."),
    Item("19", _RESULTS, "All harms and unintended effects of each treatment.", "harms"),
    Item("20", _DISCUSSION, "Limitations: bias, imprecision, many analyses.", "limitations"),
    Item("21", _DISCUSSION, "For whom else the findings hold.", "generalizability"),
    Item("22", _DISCUSSION, "What the results mean, benefits and harms in balance.",
         "interpretation"),
    Item("23", _OTHER, "Registration number and registry.", "registration"),
    Item("24", _OTHER, "Where the full protocol can be had.", "protocol"),
    Item("25", _OTHER, "Who paid, and what they had a say in.", "funding"),
)  # fmt: skip
