"""Actions per week and durations, with pandas: python with_pandas.py archive.db

Expected: a row per week, and the count, median and 95th percentile of the seconds that snapshots took, per region.

    type                       backup  power_off  reboot  snapshot
    started_at
    2026-11-16 00:00:00+00:00     168         21      17         6

                 count    50%      95%
    region_slug
    ams2          32.0  620.5  1047.50
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

# mode=ro: nothing is written, and a wrong path is an error instead of a new file.
uri = Path(sys.argv[1]).absolute().as_uri() + "?mode=ro"
with closing(sqlite3.connect(uri, uri=True)) as archive:
    # Dates are text in the archive; parse_dates makes timestamps of them, with UTC as their zone.
    actions = pd.read_sql(
        "SELECT id, type, status, region_slug, started_at, duration_seconds"
        "  FROM action_durations WHERE started_at >= ? ORDER BY started_at",
        archive,
        params=["2026-01-01"],
        parse_dates={"started_at": {"utc": True}},
    )

# Weeks begin on Mondays, and are named by them.
some = actions[actions["type"].isin(["backup", "power_off", "reboot", "snapshot"])]
weeks = some.groupby([pd.Grouper(key="started_at", freq="W-MON", label="left", closed="left"), "type"])
print(weeks.size().unstack(fill_value=0).tail(4).to_string())

snapshots = actions[(actions["type"] == "snapshot") & (actions["status"] == "completed")]
seconds = snapshots.groupby("region_slug")["duration_seconds"]
print(seconds.describe(percentiles=[0.5, 0.95])[["count", "50%", "95%"]].to_string())
