-- title: Slow actions
-- summary: Actions that took unusually long. They were completed, and took several times as long as 95 of 100 of their
--   type, on the same type of resource, in the whole archive.
-- narrow: type, droplet_name, duration_seconds, started_at, p95_seconds, median_seconds
-- finds: action
-- parameter droplet (droplets) = *: only on these droplets, by id, name or pattern
-- parameter type (types) = : only these types of actions, or a group such as @power
-- parameter factor (number from 1) = 3: how many times as long
-- parameter samples (number from 1) = 20: only types with this many completed actions
-- parameter since (time) = 90d: started at this time or later
-- parameter until (end) = now: started before this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:type, '') AS type,
           coalesce(nullif(:factor, ''), '3') AS factor,
           coalesce(nullif(:samples, ''), '20') AS samples,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
           CAST(json(factor) AS REAL) AS factor,
           CAST(json(samples) AS INTEGER) AS samples,
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
), measured AS MATERIALIZED (
    SELECT id, type, resource_type, resource_id, started_at, duration_seconds
      FROM action_durations
     WHERE started_at >= (SELECT since FROM parameters)
       AND started_at < (SELECT until FROM parameters)
       AND status = 'completed'
       AND duration_seconds > (SELECT factor FROM parameters)  -- of types that take no time, a second would be slow
       AND ((SELECT droplet FROM given) = '*'
            OR resource_type = 'droplet' AND resource_id IN (SELECT droplet_id FROM chosen))
       AND ((SELECT type FROM given) IS NULL
            OR type IN (SELECT wanted.value FROM parameters, json_each(parameters.types) AS wanted))
), longest AS MATERIALIZED (
    SELECT type, resource_type,
           CASE WHEN factor > 0 THEN max(duration_seconds) / factor END AS least_seconds
      FROM measured, parameters
     GROUP BY type, resource_type
), sampled AS MATERIALIZED (
    SELECT longest.type, longest.resource_type, count(*) AS slower
      FROM actions NOT INDEXED
     CROSS JOIN longest
     WHERE actions.id % 10 = 0
       AND longest.type IS actions.type
       AND longest.resource_type IS actions.resource_type
       AND actions.status = 'completed'
       AND 86400 * (julianday(actions.completed_at) - julianday(actions.started_at)) > longest.least_seconds + 1
     GROUP BY longest.type, longest.resource_type
), kinds AS MATERIALIZED (
    -- Where a tenth of a type alone proves that more than 5 of 100 took a fraction of the longest, none is slow.
    SELECT longest.type, longest.resource_type, row_number() OVER () AS kind
      FROM longest
      LEFT JOIN sampled ON sampled.type IS longest.type AND sampled.resource_type IS longest.resource_type
     WHERE 20 * coalesce(sampled.slower, 0) <= (SELECT count(*) FROM actions WHERE actions.type IS longest.type)
), counted AS (
    -- Many actions are quickly read in their own order, and quickly sorted by a single number.
    SELECT kinds.kind * 1000000000000
             + CAST(round(86400 * (julianday(actions.completed_at) - julianday(actions.started_at))) AS INTEGER)
             AS kind_and_seconds,
           count(*) AS actions
      FROM actions NOT INDEXED
     CROSS JOIN kinds
     WHERE kinds.type IS actions.type
       AND kinds.resource_type IS actions.resource_type
       AND actions.status = 'completed'
       AND actions.completed_at >= actions.started_at
     GROUP BY kind_and_seconds
), histogram AS (
    SELECT kinds.type, kinds.resource_type, counted.kind_and_seconds % 1000000000000 AS duration_seconds, counted.actions
      FROM counted
      JOIN kinds ON kinds.kind = counted.kind_and_seconds / 1000000000000
), ranked AS (
    SELECT type, resource_type, duration_seconds,
           sum(actions) OVER (PARTITION BY type, resource_type ORDER BY duration_seconds) AS place,
           sum(actions) OVER (PARTITION BY type, resource_type) AS samples
      FROM histogram
), usual AS (
    -- Nearest rank: the least duration that half, or 95 of 100, do not exceed.
    SELECT type, resource_type, samples,
           min(CASE WHEN place >= (samples + 1) / 2 THEN duration_seconds END) AS median_seconds,
           min(CASE WHEN place >= (95 * samples + 99) / 100 THEN duration_seconds END) AS p95_seconds
      FROM ranked
     GROUP BY type, resource_type, samples
    HAVING samples >= (SELECT samples FROM parameters)
)
SELECT measured.id AS action_id,
       measured.type,
       measured.resource_type,
       measured.resource_id,
       droplets.name AS droplet_name,
       measured.started_at,
       measured.duration_seconds,
       usual.median_seconds,
       usual.p95_seconds
  FROM measured
  JOIN usual ON usual.type IS measured.type AND usual.resource_type IS measured.resource_type
  LEFT JOIN droplets ON droplets.id = measured.resource_id AND measured.resource_type = 'droplet'
 WHERE measured.duration_seconds > (SELECT factor FROM parameters) * max(usual.p95_seconds, 1)
 ORDER BY measured.started_at, measured.id;
