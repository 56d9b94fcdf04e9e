-- What lets a report read only the actions that its answer needs. Nothing is stored here but small indexes.

-- The type is in it, so that the last backup of a droplet is found without a look at its other actions.
DROP INDEX actions_by_resource_and_time;
CREATE INDEX actions_by_resource_and_time ON actions (resource_id, started_at, type) WHERE resource_type = 'droplet';

-- Actions that are over without an end, and those that end before they begin.
CREATE INDEX actions_over_without_end ON actions (started_at) WHERE completed_at IS NULL AND status <> 'in-progress';
CREATE INDEX actions_backwards ON actions (id) WHERE completed_at < started_at;

DROP VIEW off_intervals;
DROP VIEW power_events;
DROP VIEW droplet_backups;
DROP VIEW droplet_lives;

-- Actions that did not end within the hour after they began. Everything else that ended at a time began in the hour
-- before it.
CREATE VIEW irregular_actions AS
SELECT id FROM actions WHERE strftime('%s', completed_at) - strftime('%s', started_at) >= 3600
 UNION ALL
SELECT id FROM actions WHERE completed_at < started_at
 UNION ALL
SELECT id FROM actions WHERE started_at IS NULL;

-- Completed backups and snapshots whose resource is the droplet.
CREATE VIEW own_backups AS
SELECT resource_id AS droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS saved_at,
       started_at
  FROM actions
 WHERE resource_type = 'droplet' AND resource_id IS NOT NULL
   AND type IN ('backup', 'snapshot')
   AND status = 'completed'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- Completed backups and snapshots that only the droplet's own listing shows.
CREATE VIEW listed_backups AS
SELECT listed.droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS saved_at,
       started_at
  FROM droplet_listed_actions AS listed
 CROSS JOIN actions  -- in this order: few actions are only listed
 WHERE actions.id = listed.action_id
   AND (resource_type IS NULL OR resource_type = 'droplet' AND coalesce(resource_id <> listed.droplet_id, 1))
   AND type IN ('backup', 'snapshot')
   AND status = 'completed'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- Every backup and snapshot of a droplet that was completed.
CREATE VIEW droplet_backups AS
SELECT droplet_id, action_id, type, saved_at FROM own_backups
 UNION ALL
SELECT droplet_id, action_id, type, saved_at FROM listed_backups;

-- As power_events, of actions whose resource is the droplet.
CREATE VIEW own_power_events AS
SELECT resource_id AS droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS happened_at,
       CASE WHEN type IN ('power_off', 'shutdown') THEN 'off'
            WHEN type = 'destroy' THEN 'gone'
            ELSE 'on'
        END AS power,
       CASE WHEN type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle') THEN 'certain'
            ELSE 'estimate'
        END AS certainty,
       started_at
  FROM actions
 WHERE resource_type = 'droplet' AND resource_id IS NOT NULL
   AND type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle',
                'shutdown', 'reboot', 'password_reset', 'rebuild', 'restore')
   AND status = 'completed'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- As power_events, of actions that only the droplet's own listing shows.
CREATE VIEW listed_power_events AS
SELECT listed.droplet_id, id AS action_id, type,
       coalesce(completed_at, started_at) AS happened_at,
       CASE WHEN type IN ('power_off', 'shutdown') THEN 'off'
            WHEN type = 'destroy' THEN 'gone'
            ELSE 'on'
        END AS power,
       CASE WHEN type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle') THEN 'certain'
            ELSE 'estimate'
        END AS certainty,
       started_at
  FROM droplet_listed_actions AS listed
 CROSS JOIN actions  -- in this order: few actions are only listed
 WHERE actions.id = listed.action_id
   AND (resource_type IS NULL OR resource_type = 'droplet' AND coalesce(resource_id <> listed.droplet_id, 1))
   AND type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle',
                'shutdown', 'reboot', 'password_reset', 'rebuild', 'restore')
   AND status = 'completed'
   AND coalesce(completed_at, started_at) IS NOT NULL;

-- When a droplet was turned on or off, or destroyed: at the end of each completed action that does so. What turns it on
-- may find it on already. certainty is 'estimate' where the action does not prove the power: a shutdown may complete
-- without effect, and the others turn a droplet on besides what they are for.
CREATE VIEW power_events AS
SELECT droplet_id, action_id, type, happened_at, power, certainty FROM own_power_events
 UNION ALL
SELECT droplet_id, action_id, type, happened_at, power, certainty FROM listed_power_events;

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

-- Every droplet that the API listed, or that an archived action names.
CREATE VIEW known_droplets AS
WITH RECURSIVE resources (id) AS (
    SELECT min(resource_id) FROM actions WHERE resource_type = 'droplet'
     UNION ALL
    SELECT (SELECT min(resource_id) FROM actions WHERE resource_type = 'droplet' AND resource_id > resources.id)
      FROM resources
     WHERE id IS NOT NULL
)
SELECT id AS droplet_id FROM droplets
 UNION
SELECT id FROM resources WHERE id IS NOT NULL
 UNION
SELECT droplet_id FROM droplet_listed_actions;

-- From when to when each droplet existed, and how that is known. It may be known from actions alone.
-- state: 'exists' and 'gone' are known. 'unlisted': the API lists droplets, and not this one, but nothing tells when it
-- went. 'unknown': the API never listed any.
CREATE VIEW droplet_lives AS
WITH births AS (
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
      FROM known_droplets AS known
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

-- Until when the whole history of each droplet is archived. A droplet that is not here may have actions that are not.
CREATE VIEW archived_histories AS
SELECT droplet_id, max(complete_at) AS archived_until
  FROM (SELECT known.droplet_id, account.complete_at
          FROM listings AS account
         CROSS JOIN known_droplets AS known
         WHERE account.path = '/v2/actions'
         UNION ALL
        SELECT droplet_id, complete_at
          FROM listings
         WHERE droplet_id IS NOT NULL
         UNION ALL
        SELECT own.droplet_id, account.complete_at
          FROM listings AS own
         CROSS JOIN listings AS account
         WHERE own.followed_from IS NOT NULL
           AND own.complete_at IS NOT NULL
           AND account.path = '/v2/actions, of droplets') AS complete
 WHERE complete_at IS NOT NULL
   AND droplet_id IS NOT NULL
 GROUP BY droplet_id;
