"""Compares an export with the archive that it was made from, as a query engine sees it.

    python same.py ENGINE DIR ARCHIVE

ENGINE is duckdb, clickhouse, spark, polars or pyarrow. Counts, sums, groups by type and month, and all columns of 10,000
actions must be equal, and the partition `month` must be a date. Each engine but pyarrow finds that out by itself.
"""

import datetime
import sqlite3
import sys

TIMES = ("started_at", "completed_at")
COLUMNS = (
    "id", "status", "type", *TIMES, "duration_seconds", "resource_id", "resource_type", "region_slug", "droplet_name",
    "first_seen_run", "changed_run", "first_seen_import", "extra",
)
OTHERS = ("droplets", "regions", "region_features", "region_sizes", "sync_runs")
TOTALS = "count(*), sum(id), sum(duration_seconds), sum(resource_id), count(started_at), count(extra)"
GROUPS = "type, month, count(*)"
ROWS = 10_000


def expected(archive):
    """What SQLite says."""
    connection = sqlite3.connect(f"file:{archive}?mode=ro", uri=True)
    connection.execute(
        """CREATE TEMP VIEW exported AS
           SELECT actions.id, status, type, unixepoch(started_at) AS started_at,
                  unixepoch(completed_at) AS completed_at,
                  CASE WHEN completed_at >= started_at
                       THEN unixepoch(completed_at) - unixepoch(started_at) END AS duration_seconds,
                  resource_id, resource_type, actions.region_slug, droplets.name AS droplet_name, first_seen_run,
                  changed_run, first_seen_import, actions.extra,
                  coalesce(substr(started_at, 1, 7), '1970-01') || '-01' AS month
             FROM main.actions
             LEFT JOIN main.droplets ON droplets.id = resource_id AND resource_type = 'droplet'"""
    )
    query = lambda sql: connection.execute(sql).fetchall()
    return {
        "totals": query(f"SELECT {TOTALS} FROM exported"),
        "groups": query(f"SELECT {GROUPS} FROM exported GROUP BY type, month"),
        "rows": query(f"SELECT {', '.join(COLUMNS)}, month FROM exported ORDER BY id LIMIT {ROWS}"),
        **{table: query(f"SELECT count(*) FROM main.{table}") for table in OTHERS},
    }


def answers(query, table, seconds):
    """The same from an engine with SQL. `table` names a table, `seconds` makes an integer of a time."""
    columns = ", ".join(seconds(column) if column in TIMES else column for column in COLUMNS)
    actions = table("actions")
    return {
        "totals": query(f"SELECT {TOTALS} FROM {actions}"),
        "groups": query(f"SELECT {GROUPS} FROM {actions} GROUP BY type, month"),
        "rows": query(f"SELECT {columns}, month FROM {actions} ORDER BY id LIMIT {ROWS}"),
        **{name: query(f"SELECT count(*) FROM {table(name)}") for name in OTHERS},
    }


def duckdb(folder):
    import duckdb

    connection = duckdb.connect()
    return answers(
        lambda sql: connection.execute(sql).fetchall(),
        lambda name: f"read_parquet('{folder}/{name}/**/*.parquet')",
        lambda column: f"CAST(epoch({column}) AS BIGINT)",
    )


def clickhouse(folder):
    import json

    import chdb

    def query(sql):
        answer = chdb.query(sql, "JSONCompact")
        answer = json.loads(str(answer))
        types = [column["type"] for column in answer["meta"]]
        is_number = lambda kind: "Int" in kind
        is_date = lambda kind: "Date" in kind
        value = lambda cell, kind: (
            None if cell is None
            else int(cell) if is_number(kind)
            else datetime.date.fromisoformat(cell) if is_date(kind)
            else cell
        )
        return [tuple(map(value, row, types)) for row in answer["data"]]

    return answers(
        query,
        lambda name: f"file('{folder}/{name}/{'*/' if name == 'actions' else ''}*.parquet')",
        lambda column: f"toUnixTimestamp64Second(toDateTime64({column}, 6, 'UTC'))",
    )


def spark(folder):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def table(name):
        session.read.parquet(f"{folder}/{name}").createOrReplaceTempView(name)
        return name

    return answers(
        lambda sql: [tuple(row) for row in session.sql(sql).collect()],
        table,
        lambda column: f"unix_seconds({column})",
    )


def polars(folder):
    import polars

    context = polars.SQLContext()

    def table(name):
        context.register(name, polars.scan_parquet(f"{folder}/{name}/"))
        return name

    found = answers(lambda sql: context.execute(sql, eager=True).rows(), table, lambda column: column)
    second = lambda cell: int(cell.timestamp()) if isinstance(cell, datetime.datetime) else cell
    found["rows"] = [tuple(map(second, row)) for row in found["rows"]]
    return found


def pyarrow(folder):
    import duckdb
    import pyarrow.dataset

    connection = duckdb.connect()

    def table(name):
        # Without a schema, pyarrow makes a text of each key.
        month = pyarrow.schema([("month", pyarrow.date32())])
        partitioning = pyarrow.dataset.partitioning(month, flavor="hive")
        connection.register(name, pyarrow.dataset.dataset(f"{folder}/{name}", partitioning=partitioning).to_table())
        return name

    found = answers(
        lambda sql: connection.execute(sql).fetchall(),
        table,
        lambda column: f"CAST(epoch({column}) AS BIGINT)",
    )
    return found


def dated(rows):
    """Rows of SQLite, which has no dates."""
    date = lambda cell: datetime.date.fromisoformat(cell)
    is_date = lambda cell: isinstance(cell, str) and len(cell) == 10 and cell.endswith("-01") and cell[4] == "-"
    return [tuple(date(cell) if is_date(cell) else cell for cell in row) for row in rows]


def main():
    engine, folder, archive = sys.argv[1:]
    found = globals()[engine](folder)
    key = lambda row: tuple((cell is not None, str(cell)) for cell in row)
    for what, rows in expected(archive).items():
        one, other = sorted(dated(rows), key=key), sorted(found[what], key=key)
        if one != other:
            differing = [pair for pair in zip(one, other) if pair[0] != pair[1]]
            sys.exit(f"{engine}: {what}: {len(one)} and {len(other)} rows differ: {differing[:2]}")
        print(f"{engine}: {what}: {len(one)} rows are equal")


main()
