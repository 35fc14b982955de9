"""Further questions to an n-of-1 trial: before it, while it runs, and after it."""

from pymc_vibes.core.kind import ConfigQuery, JournalQuery, PosteriorQuery, Query
from pymc_vibes.kinds.n_of_1.cent import Report, cent
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.looks import LookNow, look
from pymc_vibes.kinds.n_of_1.planning import Plan, plan
from pymc_vibes.kinds.n_of_1.planning_schedule import Schedule, schedule
from pymc_vibes.kinds.n_of_1.randomized import Lots, randomization
from pymc_vibes.kinds.n_of_1.stopping import stopping
from pymc_vibes.kinds.n_of_1.stopping_rules import Stopping

QUERIES: tuple[Query[NOf1Config], ...] = (
    ConfigQuery[NOf1Config, Plan](
        slug="plan", title="Plan a trial", parameters=Plan, answer=plan,
        about="Before day 1: what AB, ABAB, randomized blocks, randomized pairs of days and the "
        "design of the settings would show, and which shows the most.",
    ),
    ConfigQuery[NOf1Config, Schedule](
        slug="schedule", title="Draw a schedule", parameters=Schedule, answer=schedule,
        about="What to give on which day, drawn so that each schedule that the rules admit has the "
        "same chance; with its number, to prove it.",
    ),
    ConfigQuery[NOf1Config, Stopping](
        slug="stopping", title="What stopping early costs", parameters=Stopping, answer=stopping,
        about="How often the Bayesian rule and alpha spending stop a trial for benefit without an "
        "effect and with it, after how many days, and how much they then overstate it.",
    ),
    JournalQuery[NOf1Config, LookNow](
        slug="look", title="Look at the running trial", parameters=LookNow, answer=look,
        about="May the trial stop now? Each look spends a part of the error rate and is kept for "
        "good; looking again at the same data gives the same look.",
    ),
    PosteriorQuery[NOf1Config, Lots](
        slug="randomization", title="Test by the drawing of lots", parameters=Lots,
        answer=randomization,
        about="How unusual the observed difference is among all schedules that could have been "
        "drawn by the setting `design`.",
    ),
    PosteriorQuery[NOf1Config, Report](
        slug="cent", title="Report after CENT 2015", parameters=Report, answer=cent,
        about="The checklist for reports of n-of-1 trials: what data and settings fill in, what "
        "you must write (the setting `protocol`), and what is missing.",
    ),
)  # fmt: skip
