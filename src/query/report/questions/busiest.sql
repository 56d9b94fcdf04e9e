-- title: Busiest hours
-- summary: The hours, in UTC, in which most actions began.
-- narrow: hour_at, actions, errored, droplets, types
-- lists: hour
-- parameter droplet (droplets) = *: only on these droplets, by id, name or pattern
-- parameter type (types) = : only these types of actions, or a group such as @power
-- parameter since (time) = 90d: started at this time or later
-- parameter until (end) = now: started before this time
-- parameter top (number from 1) = 20: how many hours

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:type, '') AS type,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until,
           coalesce(nullif(:top, ''), '20') AS top
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
                    json('no time: ' || until)) AS until,
           CAST(json(top) AS INTEGER) AS top
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
)
SELECT substr(started_at, 1, 13) || ':00:00Z' AS hour_at,
       count(*) AS actions,
       sum(status = 'errored') AS errored,
       count(DISTINCT CASE WHEN resource_type = 'droplet' THEN resource_id END) AS droplets,
       count(DISTINCT type) AS types
  FROM actions
 WHERE started_at >= (SELECT since FROM parameters)
   AND started_at < (SELECT until FROM parameters)
   AND ((SELECT droplet FROM given) = '*'
        OR resource_type = 'droplet' AND resource_id IN (SELECT droplet_id FROM chosen))
   AND ((SELECT type FROM given) IS NULL
        OR type IN (SELECT wanted.value FROM parameters, json_each(parameters.types) AS wanted))
 GROUP BY substr(started_at, 1, 13)
 ORDER BY actions DESC, hour_at
 LIMIT (SELECT top FROM parameters);
