-- title: Downtime
-- summary: When droplets were off: from the action that turned a droplet off until the one that turned it on again.
--   Restarts are no downtime, and one that still lasts is counted until now.
-- estimate: A shutdown that completed does not prove that the droplet was off. One that was turned off from within, or
--   that crashed, leaves no action, and is not here.
-- absence: A row may say that the droplet was not turned on again.
-- finds: outage
-- total total: downtime_seconds
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter since (time) = 90d: off at this time or later
-- parameter until (end) = now: off before this time
-- parameter min_duration (duration) = 0s: off for this long at least, within the window

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
), near AS MATERIALIZED (
    -- Only what happened since a droplet was last on before the window decides when it was off in the window.
    SELECT droplet_id,
           coalesce((SELECT events.started_at
                       FROM own_power_events AS events
                      WHERE events.droplet_id = known.droplet_id
                        AND events.power <> 'off'
                        AND events.started_at <= (SELECT since FROM parameters)
                        AND events.happened_at BETWEEN events.started_at AND (SELECT since FROM parameters)
                      ORDER BY events.started_at DESC
                      LIMIT 1), '') AS from_at
      FROM known_droplets AS known
     WHERE (SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen)
), events AS (
    -- What happened after the start of one of them began in the hour before that or later, or is irregular.
    SELECT events.*
      FROM near
     CROSS JOIN own_power_events AS events
        ON events.droplet_id = near.droplet_id
       AND events.started_at > coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour'), '')
     WHERE events.happened_at >= near.from_at
       AND events.action_id NOT IN (SELECT id FROM irregular_actions)
     UNION ALL
    SELECT events.*
      FROM irregular_actions AS irregular
     CROSS JOIN own_power_events AS events ON events.action_id = irregular.id
     WHERE events.droplet_id IN (SELECT droplet_id FROM near)
     UNION ALL
    SELECT events.*
      FROM listed_power_events AS events
     WHERE events.droplet_id IN (SELECT droplet_id FROM near)
), changes AS (
    SELECT droplet_id, action_id, type, happened_at, power, certainty,
           lag(power) OVER (PARTITION BY droplet_id ORDER BY happened_at, action_id) AS power_before
      FROM events
), turns AS (
    SELECT droplet_id, action_id, type, happened_at, power, certainty,
           lead(type) OVER droplet AS next_type,
           lead(happened_at) OVER droplet AS next_at,
           lead(certainty) OVER droplet AS next_certainty
      FROM changes
     WHERE coalesce(power <> power_before, 1)
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY happened_at, action_id)
), intervals AS MATERIALIZED (
    -- As in the view off_intervals.
    SELECT turns.droplet_id,
           droplets.name AS droplet_name,
           turns.happened_at AS off_at,
           turns.type AS off_by,
           turns.action_id AS off_action_id,
           coalesce(turns.next_at, max(droplets.gone_at, turns.happened_at)) AS ended_at,
           coalesce(turns.next_type, CASE WHEN droplets.gone_at IS NOT NULL THEN 'gone' END) AS ended_by,
           CASE WHEN turns.certainty = 'certain'
                 AND coalesce(turns.next_certainty = 'certain', droplets.gone_at IS NULL AND droplets.id IS NOT NULL)
                THEN 'certain'
                ELSE 'estimate'
            END AS certainty
      FROM turns
      LEFT JOIN droplets ON droplets.id = turns.droplet_id
     WHERE turns.power = 'off'
       AND turns.happened_at < (SELECT until FROM parameters)
), ends AS MATERIALIZED (
    SELECT droplet_id, action_id, happened_at FROM own_power_events WHERE type = 'destroy'
     UNION ALL
    SELECT droplet_id, action_id, happened_at FROM listed_power_events WHERE type = 'destroy'
), measured AS (
    SELECT droplet_id, droplet_name, off_at, off_by, off_action_id, ended_at, ended_by, certainty,
           max(CAST(strftime('%s', min(coalesce(ended_at, parameters.now), parameters.until)) AS INTEGER)
                 - CAST(strftime('%s', max(off_at, parameters.since)) AS INTEGER), 0) AS downtime_seconds
      FROM intervals, parameters
     WHERE (ended_at IS NULL OR ended_at > parameters.since)
           -- An action that was under way when the droplet was destroyed may end after that.
       AND NOT EXISTS (SELECT 1
                         FROM ends
                        WHERE ends.droplet_id = intervals.droplet_id
                          AND (ends.happened_at, ends.action_id) < (intervals.off_at, intervals.off_action_id))
)
SELECT droplet_id,
       droplet_name,
       off_at,
       off_by,
       ended_at,
       coalesce(ended_by, 'still off') AS ended_by,
       downtime_seconds,
       certainty
  FROM measured
 WHERE downtime_seconds >= (SELECT min_seconds FROM parameters)
 ORDER BY off_at, droplet_id, off_action_id;
