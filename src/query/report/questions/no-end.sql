-- title: Actions without an end
-- summary: Actions that are over, although the API never told when they ended.
-- finds: action
-- parameter droplet (droplets) = *: only on these droplets, by id, name or pattern
-- parameter type (types) = : only these types of actions, or a group such as @power
-- parameter since (time) = @0: started at this time or later
-- parameter until (end) = now: started before this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:type, '') AS type,
           coalesce(nullif(:since, ''), '1970-01-01') AS since,
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
)
SELECT actions.id AS action_id,
       actions.type,
       actions.status,
       actions.resource_type,
       actions.resource_id,
       droplets.name AS droplet_name,
       actions.started_at,
       CASE WHEN actions_asked_for.action_id IS NOT NULL THEN 'yes' ELSE 'no' END AS asked_for_by_id
  FROM actions
  LEFT JOIN droplets ON droplets.id = actions.resource_id AND actions.resource_type = 'droplet'
  LEFT JOIN actions_asked_for ON actions_asked_for.action_id = actions.id
 WHERE actions.completed_at IS NULL
   AND actions.status <> 'in-progress'
   AND coalesce(actions.started_at >= (SELECT since FROM parameters), 1)
   AND coalesce(actions.started_at < (SELECT until FROM parameters), 1)
   AND ((SELECT droplet FROM given) = '*'
        OR actions.resource_type = 'droplet' AND actions.resource_id IN (SELECT droplet_id FROM chosen))
   AND ((SELECT type FROM given) IS NULL
        OR actions.type IN (SELECT wanted.value FROM parameters, json_each(parameters.types) AS wanted))
 ORDER BY actions.started_at, actions.id;
