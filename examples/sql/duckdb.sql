-- Questions for DuckDB, which has percentiles and pivots that SQLite lacks:
--
--   duckdb < duckdb.sql          in the folder of archive.db
--
-- Read tables as they are, and cast what views compute: DuckDB takes the numbers of a view for texts, whose greatest is 9.
-- What sqlite_query returns are texts too.

INSTALL sqlite;  -- downloaded once
LOAD sqlite;
ATTACH 'archive.db' AS archive (TYPE sqlite, READ_ONLY);

-- How long each type takes.
-- Expected: type, actions, median_seconds, p95_seconds; a row per type, the slowest first.
SELECT type,
       count(*) AS actions,
       quantile_disc(seconds, 0.50) AS median_seconds,
       quantile_disc(seconds, 0.95) AS p95_seconds
  FROM (SELECT type, date_diff('second', CAST(started_at AS TIMESTAMP), CAST(completed_at AS TIMESTAMP)) AS seconds
          FROM archive.actions
         WHERE status = 'completed' AND completed_at >= started_at)
 GROUP BY type
HAVING count(*) >= 100
 ORDER BY p95_seconds DESC, type
 LIMIT 5;

-- Actions per month of this type and that, side by side.
-- Expected: month, power_off, reboot, snapshot; a row per month, oldest first.
PIVOT (
    SELECT CAST(date_trunc('month', CAST(started_at AS TIMESTAMP)) AS DATE) AS month, type
      FROM archive.actions
     WHERE type IN ('power_off', 'reboot', 'snapshot') AND started_at >= '2026-01-01'
) ON type USING count(*) GROUP BY month ORDER BY month;

-- A view: days off per month, of all droplets together. A report can stand there as well, as `archiver report downtime
-- --show-sql` prints it, with each ' doubled.
-- Expected: month, stretches, days; a row per month.
SELECT CAST(date_trunc('month', CAST(off_at AS TIMESTAMP)) AS DATE) AS month,
       count(*) AS stretches,
       round(sum(date_diff('second', CAST(off_at AS TIMESTAMP), CAST(ended_at AS TIMESTAMP))) / 86400, 1) AS days
  FROM sqlite_query('archive', 'SELECT off_at, ended_at FROM off_intervals WHERE off_at >= ''2026-01-01''')
 GROUP BY month
 ORDER BY month;

-- Everything as one Parquet file, with real timestamps, for whatever reads Parquet.
-- Expected: actions.parquet in this folder, with as many rows as `archiver query --count` says.
COPY (
    SELECT * REPLACE (CAST(started_at AS TIMESTAMP) AS started_at, CAST(completed_at AS TIMESTAMP) AS completed_at)
      FROM archive.actions
     ORDER BY id
) TO 'actions.parquet' (FORMAT parquet);
