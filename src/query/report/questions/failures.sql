-- title: Failures
-- summary: Which actions fail, and how often. For each resource and type of action: how many of those that ended were
--   errored, and how often that type fails everywhere.
-- narrow: type, droplet_name, errored, errored_percent, ended, last_errored_at, everywhere_percent
-- finds: case
-- parameter droplet (droplets) = *: only on these droplets, by id, name or pattern
-- parameter type (types) = : only these types of actions, or a group such as @power
-- parameter since (time) = 90d: started at this time or later
-- parameter until (end) = now: started before this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:type, '') AS type,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
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
), ended AS (
    SELECT type, resource_type, resource_id,
           count(*) AS ended,
           sum(status = 'errored') AS errored,
           max(CASE WHEN status = 'errored' THEN started_at END) AS last_errored_at
      FROM actions
     WHERE started_at >= (SELECT since FROM parameters)
       AND started_at < (SELECT until FROM parameters)
       AND status IN ('completed', 'errored')
     GROUP BY type, resource_type, resource_id
), everywhere AS (
    SELECT type, sum(ended) AS ended, sum(errored) AS errored
      FROM ended
     GROUP BY type
)
SELECT ended.type,
       ended.resource_type,
       ended.resource_id,
       droplets.name AS droplet_name,
       ended.errored,
       ended.ended,
       round(100.0 * ended.errored / ended.ended, 1) AS errored_percent,
       round(100.0 * everywhere.errored / everywhere.ended, 1) AS everywhere_percent,
       ended.last_errored_at
  FROM ended
  JOIN everywhere ON everywhere.type IS ended.type
  LEFT JOIN droplets ON droplets.id = ended.resource_id AND ended.resource_type = 'droplet'
 WHERE ended.errored > 0
   AND ((SELECT droplet FROM given) = '*'
        OR ended.resource_type = 'droplet' AND ended.resource_id IN (SELECT droplet_id FROM chosen))
   AND ((SELECT type FROM given) IS NULL
        OR ended.type IN (SELECT wanted.value FROM parameters, json_each(parameters.types) AS wanted))
 ORDER BY ended.errored DESC, ended.type, ended.resource_type, ended.resource_id;
