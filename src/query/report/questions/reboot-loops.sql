-- title: Reboot loops
-- summary: Reboots and power cycles of a droplet that each began soon after the one before, as one loop. Those that
--   failed do not count.
-- narrow: droplet_name, restarts, loop_seconds, began_at, last_restart_at
-- finds: loop
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter within (duration) = 1h: how soon after the one before
-- parameter times (number from 1) = 2: how many make a loop, at least
-- parameter since (time) = 90d: loops that ended at this time or later
-- parameter until (end) = now: loops that began before this time

WITH RECURSIVE given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:within, ''), '1 hours') AS within,
           coalesce(nullif(:times, ''), '2') AS times,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CAST(coalesce(strftime('%s', now, '+' || within),
                         json('no duration: ' || within)) AS INTEGER)
             - CAST(strftime('%s', now) AS INTEGER) AS within_seconds,
           CAST(json(times) AS INTEGER) AS times,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', since),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || since),
                    json('no time: ' || since)) AS since,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(until, now)),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || until),
                    json('no time: ' || until)) AS until
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
), listed AS MATERIALIZED (
    -- Restarts that only the droplet's own listing shows.
    SELECT listed.droplet_id, actions.id, actions.type, actions.started_at
      FROM droplet_listed_actions AS listed
     CROSS JOIN actions
     WHERE actions.id = listed.action_id
       AND (actions.resource_type IS NOT 'droplet' OR actions.resource_id IS NOT listed.droplet_id)
       AND actions.type IN ('reboot', 'power_cycle')
       AND actions.status IS NOT 'errored'
       AND actions.started_at IS NOT NULL
), own AS NOT MATERIALIZED (
    SELECT resource_id AS droplet_id, id, type, started_at
      FROM actions
     WHERE resource_type = 'droplet'
       AND type IN ('reboot', 'power_cycle')
       AND status IS NOT 'errored'
), recent AS MATERIALIZED (
    SELECT *
      FROM (SELECT * FROM own WHERE started_at >= (SELECT since FROM parameters)
             UNION ALL
            SELECT * FROM listed WHERE started_at >= (SELECT since FROM parameters))
     WHERE (SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen)
), begun (droplet_id, began_at) AS (
    -- A loop that reaches into the window may have begun before it.
    SELECT droplet_id, min(started_at) FROM recent GROUP BY droplet_id
     UNION ALL
    SELECT droplet_id,
           nullif(max(coalesce((SELECT max(started_at)
                                  FROM own
                                 WHERE own.droplet_id = begun.droplet_id
                                   AND own.started_at < begun.began_at
                                   AND own.started_at >= strftime('%Y-%m-%dT%H:%M:%SZ', begun.began_at, '-' || within)),
                               ''),
                      coalesce((SELECT max(started_at)
                                  FROM listed
                                 WHERE listed.droplet_id = begun.droplet_id
                                   AND listed.started_at < begun.began_at
                                   AND listed.started_at >= strftime('%Y-%m-%dT%H:%M:%SZ', begun.began_at,
                                                                     '-' || within)), '')), '')
      FROM begun, given
     WHERE began_at IS NOT NULL
), beginnings AS MATERIALIZED (
    SELECT droplet_id, min(began_at) AS began_at
      FROM begun
     GROUP BY droplet_id
    HAVING min(began_at) < (SELECT since FROM parameters)
), restarts AS (
    SELECT droplet_id, id, type, started_at, CAST(strftime('%s', started_at) AS INTEGER) AS second
      FROM (SELECT * FROM recent
             UNION ALL
            SELECT own.*
              FROM beginnings
             CROSS JOIN own
             WHERE own.droplet_id = beginnings.droplet_id
               AND own.started_at >= beginnings.began_at
               AND own.started_at < (SELECT since FROM parameters)
             UNION ALL
            SELECT listed.*
              FROM beginnings
             CROSS JOIN listed
             WHERE listed.droplet_id = beginnings.droplet_id
               AND listed.started_at >= beginnings.began_at
               AND listed.started_at < (SELECT since FROM parameters))
), marked AS (
    SELECT droplet_id, id, type, started_at, second,
           coalesce(second - lag(second) OVER droplet > (SELECT within_seconds FROM parameters), 1) AS is_first
      FROM restarts
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY started_at, id)
), numbered AS (
    SELECT droplet_id, type, started_at, second,
           sum(is_first) OVER (PARTITION BY droplet_id ORDER BY started_at, id) AS number
      FROM marked
)
SELECT numbered.droplet_id,
       droplets.name AS droplet_name,
       min(numbered.started_at) AS began_at,
       max(numbered.started_at) AS last_restart_at,
       count(*) AS restarts,
       sum(numbered.type = 'reboot') AS reboots,
       sum(numbered.type = 'power_cycle') AS power_cycles,
       max(numbered.second) - min(numbered.second) AS loop_seconds
  FROM numbered
  LEFT JOIN droplets ON droplets.id = numbered.droplet_id
 GROUP BY numbered.droplet_id, numbered.number
HAVING count(*) >= (SELECT times FROM parameters)
   AND max(numbered.started_at) >= (SELECT since FROM parameters)
   AND min(numbered.started_at) < (SELECT until FROM parameters)
 ORDER BY began_at, numbered.droplet_id;
