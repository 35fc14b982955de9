"""Weeks of remission of children with leukemia under 6-mercaptopurine or placebo.

Freireich et al., Blood 21:699-716 (1963), as printed by Gehan, Biometrika 52:203-223 (1965); the
data set `gehan` of R's MASS has the same. Kleinbaum and Klein, Survival Analysis: A Self-Learning
Text, 3rd ed. (2012), give the published numbers: total weeks, average hazards and Kaplan-Meier
estimates.
"""

import pyarrow as pa

# + is censored
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
KAPLAN_MEIER = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}


def remissions() -> pa.Table:
    """Give the 42 children as events."""
    rows = [
        {"group": group, "duration": float(week.rstrip("+")), "observed": not week.endswith("+")}
        for group, weeks in {"6-MP": TREATED, "placebo": PLACEBO}.items()
        for week in weeks.split()
    ]
    return pa.Table.from_pylist(rows)
