-- title: Downtime
-- summary: When droplets were off: from the action that turned a droplet off until the one that turned it on again.
--   Restarts are no downtime, and one that still lasts is counted until now.
-- estimate: A shutdown that completed does not prove that the droplet was off. One that was turned off from within, or
--   that crashed, leaves no action, and is not here.
-- absence: A row may say that the droplet was not turned on again.
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter since (time) = 90d: off at this time or later
-- parameter until (end) = now: off before this time
-- parameter min_duration (duration) = 0s: off for this long at least

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until,
           coalesce(nullif(:min_duration, ''), '0 seconds') AS min_duration
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT now,
           CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', since),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || since),
                    json('no time: ' || since)) AS since,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(until, now)),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || until),
                    json('no time: ' || until)) AS until,
           CAST(coalesce(strftime('%s', now, '+' || min_duration),
                         json('no duration: ' || min_duration)) AS INTEGER)
             - CAST(strftime('%s', now) AS INTEGER) AS min_seconds
      FROM given
), chosen AS (
    SELECT CAST(wanted.value AS INTEGER) AS droplet_id
      FROM parameters, json_each(parameters.droplets) AS wanted
     WHERE trim(wanted.value) NOT GLOB '*[^0-9]*'
     UNION
    SELECT droplet_names.droplet_id
      FROM parameters, json_each(parameters.droplets) AS wanted
      JOIN droplet_names ON droplet_names.name GLOB trim(wanted.value)
     WHERE wanted.type = 'text'
), intervals AS (
    -- One droplet's actions are found by an index, if its id is known before anything is read. Otherwise all are read.
    SELECT *
      FROM off_intervals
     WHERE droplet_id = CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                              AND json_type(:droplet, '$[0]') = 'integer'
                             THEN max(json_extract(:droplet, '$[0]'), 0) END
     UNION ALL
    SELECT *
      FROM off_intervals
     WHERE CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                 AND json_type(:droplet, '$[0]') = 'integer'
                THEN 0 ELSE 1 END
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
), measured AS (
    SELECT droplet_id, off_at, off_by, off_action_id, ended_at, ended_by, certainty,
           max(CAST(strftime('%s', coalesce(ended_at, (SELECT now FROM parameters))) AS INTEGER)
                 - CAST(strftime('%s', off_at) AS INTEGER), 0) AS downtime_seconds
      FROM intervals
     WHERE off_at < (SELECT until FROM parameters)
       AND (ended_at IS NULL OR ended_at > (SELECT since FROM parameters))
           -- An action that was under way when the droplet was destroyed may end after that.
       AND NOT EXISTS (SELECT 1
                         FROM power_events AS ends
                        WHERE ends.droplet_id = intervals.droplet_id
                          AND ends.power = 'gone'
                          AND (ends.happened_at, ends.action_id) < (intervals.off_at, intervals.off_action_id))
)
SELECT measured.droplet_id,
       droplets.name AS droplet_name,
       measured.off_at,
       measured.off_by,
       measured.ended_at,
       coalesce(measured.ended_by, 'still off') AS ended_by,
       measured.downtime_seconds,
       measured.certainty
  FROM measured
  LEFT JOIN droplets ON droplets.id = measured.droplet_id
 WHERE measured.downtime_seconds >= (SELECT min_seconds FROM parameters)
 ORDER BY measured.off_at, measured.droplet_id, measured.off_action_id;
