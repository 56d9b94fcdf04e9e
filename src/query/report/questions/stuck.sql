-- title: Stuck actions
-- summary: Actions that were still in progress when the archive was last synced, and began long ago.
-- finds: action
-- parameter droplet (droplets) = *: only on these droplets, by id, name or pattern
-- parameter type (types) = : only these types of actions, or a group such as @power
-- parameter older_than (duration) = 1h: how long ago they began, at least

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:type, '') AS type,
           coalesce(nullif(:older_than, ''), '1 hours') AS older_than
), parameters AS (
    -- json() refuses what is no duration, so that nothing else is answered instead.
    SELECT now,
           CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || older_than),
                    json('no duration: ' || older_than)) AS begun_before
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
), open AS (
    -- Without a time of its own, an action began when it was first archived, at the latest.
    SELECT actions.id, actions.type, actions.resource_type, actions.resource_id, actions.region_slug,
           actions.started_at,
           coalesce(actions.started_at, imports.started_at, sync_runs.started_at) AS begun_at
      FROM actions
      LEFT JOIN imports ON imports.id = actions.first_seen_import
      LEFT JOIN sync_runs ON sync_runs.id = actions.first_seen_run
     WHERE actions.status = 'in-progress'
)
SELECT open.id AS action_id,
       open.type,
       open.resource_type,
       open.resource_id,
       droplets.name AS droplet_name,
       open.region_slug,
       open.started_at,
       CAST(strftime('%s', parameters.now) AS INTEGER)
         - CAST(strftime('%s', open.begun_at) AS INTEGER) AS age_seconds
  FROM parameters
  JOIN open ON open.begun_at <= parameters.begun_before
  LEFT JOIN droplets ON droplets.id = open.resource_id AND open.resource_type = 'droplet'
 WHERE ((SELECT droplet FROM given) = '*'
        OR open.resource_type = 'droplet' AND open.resource_id IN (SELECT droplet_id FROM chosen))
   AND ((SELECT type FROM given) IS NULL
        OR open.type IN (SELECT wanted.value FROM parameters, json_each(parameters.types) AS wanted))
 ORDER BY age_seconds DESC, open.id;
