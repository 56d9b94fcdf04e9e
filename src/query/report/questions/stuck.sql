-- title: Stuck actions
-- summary: Actions that were still in progress when the archive was last synced, and began long ago.
-- parameter older_than (duration) = 1h: how long ago they began, at least

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:older_than, ''), '1 hours') AS older_than
), parameters AS (
    -- json() refuses what is no duration, so that nothing else is answered instead.
    SELECT now,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || older_than),
                    json('no duration: ' || older_than)) AS begun_before
      FROM given
), open AS (
    -- Without a time of its own, an action began when it was first archived, at the latest.
    SELECT actions.id, actions.type, actions.resource_type, actions.resource_id, actions.region_slug,
           actions.started_at,
           coalesce(actions.started_at, sync_runs.started_at) AS begun_at
      FROM actions
      JOIN sync_runs ON sync_runs.id = actions.first_seen_run
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
 ORDER BY open.begun_at, open.id;
