-- title: Actions without an end
-- summary: Actions that are over, although the API never told when they ended.
-- parameter since (time) = @0: started at this time or later

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:since, ''), '1970-01-01') AS since
), parameters AS (
    -- A time, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', since),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || since),
                    json('no time: ' || since)) AS since
      FROM given
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
 ORDER BY actions.started_at, actions.id;
