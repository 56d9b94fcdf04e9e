-- Questions for the sqlite3 shell, 3.37 or newer:
--
--   sqlite3 -readonly archive.db < sqlite3.sql
--
-- Times are text and UTC, so they compare as text, and date() makes the other side of a comparison. A time that is
-- compared should stand alone on its side: date(started_at) > … would read every action, started_at > … uses an index.

.mode column
.headers on

.print What turned droplets off in the last 30 days, the latest first
SELECT actions.started_at, actions.type, coalesce(droplets.name, actions.resource_id) AS droplet
  FROM actions
  LEFT JOIN droplets ON droplets.id = actions.resource_id
 WHERE actions.type IN ('power_off', 'shutdown')
   AND actions.resource_type = 'droplet'
   AND actions.status = 'completed'
   AND actions.started_at > date('now', '-30 days')
 ORDER BY actions.started_at DESC
 LIMIT 5;

.print
.print Actions per week, by the Monday it begins with
SELECT date(started_at, 'weekday 0', '-6 days') AS week, count(*) AS actions, sum(status = 'errored') AS errored
  FROM actions
 WHERE started_at >= date('now', '-28 days', 'weekday 0', '-6 days')
 GROUP BY week
 ORDER BY week;

.print
.print How often each type fails, in percent
SELECT type, count(*) AS actions, round(100.0 * sum(status = 'errored') / count(*), 2) AS errored_percent
  FROM actions
 GROUP BY type
HAVING count(*) >= 100
 ORDER BY errored_percent DESC
 LIMIT 5;

.print
.print The longest stretch off of each droplet, in hours (of droplets that are on again)
SELECT droplets.name, off_intervals.off_at,
       round(max(strftime('%s', ended_at) - strftime('%s', off_at)) / 3600.0, 1) AS hours
  FROM off_intervals
  JOIN droplets ON droplets.id = off_intervals.droplet_id
 WHERE off_intervals.ended_at IS NOT NULL
 GROUP BY off_intervals.droplet_id
 ORDER BY hours DESC
 LIMIT 5;

.print
.print Droplets of each tag, which is in the JSON of extra
SELECT tags.value AS tag, count(*) AS droplets
  FROM droplets, json_each(droplets.extra, '$.tags') AS tags
 WHERE droplets.gone_at IS NULL
 GROUP BY tag
 ORDER BY droplets DESC, tag
 LIMIT 5;

-- Expected: five tables under these titles, for example
--
--   week        actions  errored
--   ----------  -------  -------
--   2026-11-16  238      4
--
-- An empty answer prints no header.
