-- What several reports ask of the archive, for everybody who asks it something similar. Nothing is stored here.

-- As before, in words that DuckDB reads too: it takes IS NOT for null alone.
DROP VIEW droplet_actions;

-- Every action of every droplet, under the droplet's id: by its resource, or because the droplet listed it.
CREATE VIEW droplet_actions AS
SELECT resource_id AS droplet_id, id, status, type, started_at, completed_at,
       resource_id, resource_type, region_slug, extra
  FROM actions
 WHERE resource_type = 'droplet' AND resource_id IS NOT NULL
UNION ALL
SELECT listed.droplet_id, id, status, type, started_at, completed_at,
       resource_id, resource_type, region_slug, extra
  FROM droplet_listed_actions AS listed
  JOIN actions ON actions.id = listed.action_id
 WHERE coalesce(actions.resource_type <> 'droplet', 1)   -- otherwise its resource says it by now
    OR coalesce(actions.resource_id <> listed.droplet_id, 1);

-- How long each action took. NULL: it still runs, a time is unknown, or it ends before it begins.
CREATE VIEW action_durations AS
SELECT id, type, status, started_at, completed_at, resource_id, resource_type, region_slug,
       CASE WHEN completed_at >= started_at
            THEN CAST(strftime('%s', completed_at) AS INTEGER) - CAST(strftime('%s', started_at) AS INTEGER)
        END AS duration_seconds
  FROM actions;

-- Every backup and snapshot of a droplet that was completed.
CREATE VIEW droplet_backups AS
SELECT droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS saved_at
  FROM droplet_actions
 WHERE type IN ('backup', 'snapshot')
   AND status = 'completed'
   AND coalesce(resource_type, 'droplet') = 'droplet'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- When a droplet was turned on or off, or destroyed: at the end of each completed action that does so. What turns it on
-- may find it on already. certainty is 'estimate' where the action does not prove the power: a shutdown may complete
-- without effect, and the others turn a droplet on besides what they are for.
CREATE VIEW power_events AS
SELECT droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS happened_at,
       CASE WHEN type IN ('power_off', 'shutdown') THEN 'off'
            WHEN type = 'destroy' THEN 'gone'
            ELSE 'on'
        END AS power,
       CASE WHEN type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle') THEN 'certain'
            ELSE 'estimate'
        END AS certainty
  FROM droplet_actions
 WHERE type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle',
                'shutdown', 'reboot', 'password_reset', 'rebuild', 'restore')
   AND status = 'completed'
   AND coalesce(resource_type, 'droplet') = 'droplet'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- When a droplet was off: from the first action that turned it off until the first that turned it on again, or until it
-- was gone. ended_at is NULL while nothing is known that ended it.
CREATE VIEW off_intervals AS
WITH changes AS (
    SELECT droplet_id, action_id, type, happened_at, power, certainty,
           lag(power) OVER droplet AS power_before
      FROM power_events
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY happened_at, action_id)
), turns AS (
    SELECT droplet_id, action_id, type, happened_at, power, certainty,
           lead(action_id) OVER droplet AS next_action_id,
           lead(type) OVER droplet AS next_type,
           lead(happened_at) OVER droplet AS next_at,
           lead(certainty) OVER droplet AS next_certainty
      FROM changes
     WHERE coalesce(power <> power_before, 1)
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY happened_at, action_id)
)
SELECT turns.droplet_id,
       turns.happened_at AS off_at,
       turns.type AS off_by,              -- the type of the action
       turns.action_id AS off_action_id,
       coalesce(turns.next_at, max(droplets.gone_at, turns.happened_at)) AS ended_at,
       coalesce(turns.next_type,          -- the type of the action; 'gone': a sync found that the droplet was
                CASE WHEN droplets.gone_at IS NOT NULL THEN 'gone' END) AS ended_by,
       turns.next_action_id AS ended_action_id,
       -- Without an end, only a droplet that the API still lists is known to be off.
       CASE WHEN turns.certainty = 'certain'
             AND coalesce(turns.next_certainty = 'certain', droplets.gone_at IS NULL AND droplets.id IS NOT NULL)
            THEN 'certain'
            ELSE 'estimate'
        END AS certainty
  FROM turns
  LEFT JOIN droplets ON droplets.id = turns.droplet_id
 WHERE turns.power = 'off';

-- From when to when each droplet existed, and how that is known. It may be known from actions alone.
-- state: 'exists' and 'gone' are known. 'unlisted': the API lists droplets, and not this one, but nothing tells when it
-- went. 'unknown': the API never listed any.
CREATE VIEW droplet_lives AS
WITH known AS (
    SELECT id AS droplet_id FROM droplets
     UNION
    SELECT droplet_id FROM droplet_actions
), births AS (
    SELECT droplet_id, min(coalesce(started_at, completed_at)) AS created_at
      FROM droplet_actions
     WHERE type = 'create'
       AND status = 'completed'
       AND coalesce(resource_type, 'droplet') = 'droplet'
     GROUP BY droplet_id
), deaths AS (
    SELECT droplet_id, max(coalesce(completed_at, started_at)) AS destroyed_at
      FROM droplet_actions
     WHERE type = 'destroy'
       AND status = 'completed'
       AND coalesce(resource_type, 'droplet') = 'droplet'
     GROUP BY droplet_id
), facts AS (
    SELECT known.droplet_id,
           droplets.name,
           droplets.region_slug,
           droplets.created_at AS told_created_at,
           births.created_at AS created_at,
           (SELECT min(actions.started_at) FROM actions
             WHERE actions.resource_id = known.droplet_id
               AND actions.resource_type = 'droplet') AS first_action_at,
           (SELECT max(actions.started_at) FROM actions
             WHERE actions.resource_id = known.droplet_id
               AND actions.resource_type = 'droplet') AS last_action_at,
           deaths.destroyed_at,
           droplets.gone_at,
           droplets.id IS NOT NULL AS is_listed,
           EXISTS (SELECT 1 FROM droplets WHERE name IS NOT NULL) AS are_listed
      FROM known
      LEFT JOIN droplets ON droplets.id = known.droplet_id
      LEFT JOIN births ON births.droplet_id = known.droplet_id
      LEFT JOIN deaths ON deaths.droplet_id = known.droplet_id
)
SELECT droplet_id,
       name AS droplet_name,
       region_slug,
       coalesce(told_created_at, created_at, first_action_at) AS created_at,
       CASE WHEN told_created_at IS NOT NULL THEN 'droplet'
            WHEN created_at IS NOT NULL THEN 'create'
            WHEN first_action_at IS NOT NULL THEN 'first action'  -- created then at the latest
        END AS created_known_by,
       coalesce(destroyed_at, gone_at) AS gone_at,
       CASE WHEN destroyed_at IS NOT NULL THEN 'destroy'
            WHEN gone_at IS NOT NULL THEN 'sync'                  -- gone then at the latest
        END AS gone_known_by,
       CASE WHEN coalesce(destroyed_at, gone_at) IS NOT NULL THEN 'gone'
            WHEN is_listed THEN 'exists'
            WHEN are_listed THEN 'unlisted'
            ELSE 'unknown'
        END AS state,
       last_action_at
  FROM facts;
