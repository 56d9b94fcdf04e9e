-- title: Unprotected changes
-- summary: Risky actions on droplets without a recent backup or snapshot. None was completed within a time before.
--   Risky actions that failed do not count.
-- absence: A row says that no backup was made before the action.
-- finds: change
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter type (types) = destroy,rebuild,resize,restore: what is risky
-- parameter within (duration) = 8d: how old a backup may be
-- parameter since (time) = 90d: started at this time or later
-- parameter until (end) = now: started before this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:type, ''), 'destroy,rebuild,resize,restore') AS type,
           coalesce(nullif(:within, ''), '8 days') AS within,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
           CAST(coalesce(strftime('%s', now, '+' || within),
                         json('no duration: ' || within)) AS INTEGER)
             - CAST(strftime('%s', now) AS INTEGER) AS within_seconds,
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
), archived AS MATERIALIZED (
    SELECT droplet_id FROM archived_histories
), changes AS MATERIALIZED (
    -- The plus makes SQLite find them by type and time, and not droplet by droplet.
    SELECT droplet_id, id AS change_id, type, status, started_at
      FROM droplet_actions
     WHERE type IN (SELECT trim(wanted.value) FROM parameters, json_each(parameters.types) AS wanted)
       AND status IS NOT 'errored'
       AND +droplet_id IN (SELECT droplet_id FROM archived)  -- elsewhere a backup may be missing
       AND coalesce(resource_type, 'droplet') = 'droplet'
       AND started_at >= (SELECT since FROM parameters)
       AND started_at < (SELECT until FROM parameters)
       AND ((SELECT droplet FROM given) = '*' OR +droplet_id IN (SELECT droplet_id FROM chosen))
), odd_backups AS MATERIALIZED (
    SELECT backups.*
      FROM irregular_actions AS irregular
     CROSS JOIN own_backups AS backups ON backups.action_id = irregular.id
     UNION ALL
    SELECT *
      FROM listed_backups
), near AS MATERIALIZED (
    -- What was saved after the last of them that began began in the hour before it, or is irregular.
    SELECT changes.*,
           (SELECT backups.started_at
              FROM own_backups AS backups
             WHERE backups.droplet_id = changes.droplet_id
               AND backups.started_at <= changes.started_at
               AND backups.saved_at BETWEEN backups.started_at AND changes.started_at
             ORDER BY backups.started_at DESC
             LIMIT 1) AS from_at
      FROM changes
), backups AS (
    SELECT near.change_id, near.droplet_id, backups.saved_at
      FROM near
     CROSS JOIN own_backups AS backups
        ON backups.droplet_id = near.droplet_id
       AND backups.started_at > strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour')
       AND backups.started_at <= near.started_at
     WHERE backups.saved_at BETWEEN near.from_at AND near.started_at
     UNION ALL
    SELECT near.change_id, near.droplet_id, backups.saved_at
      FROM odd_backups AS backups
      JOIN near ON near.droplet_id = backups.droplet_id AND near.started_at >= backups.saved_at
), latest AS (
    SELECT change_id, droplet_id, max(saved_at) AS saved_at
      FROM backups
     GROUP BY change_id, droplet_id
), protected AS (
    SELECT near.droplet_id, near.change_id, near.type, near.status, near.started_at, latest.saved_at AS last_backup_at
      FROM near
      LEFT JOIN latest ON latest.change_id = near.change_id AND latest.droplet_id = near.droplet_id
), measured AS (
    SELECT droplet_id, change_id, type, status, started_at, last_backup_at,
           CAST(strftime('%s', started_at) AS INTEGER)
             - CAST(strftime('%s', last_backup_at) AS INTEGER) AS backup_age_seconds
      FROM protected
)
SELECT measured.droplet_id,
       droplets.name AS droplet_name,
       measured.change_id AS action_id,
       measured.type,
       measured.status,
       measured.started_at,
       measured.last_backup_at,
       measured.backup_age_seconds
  FROM measured
  LEFT JOIN droplets ON droplets.id = measured.droplet_id
 WHERE measured.backup_age_seconds IS NULL
    OR measured.backup_age_seconds > (SELECT within_seconds FROM parameters)
 ORDER BY measured.started_at, measured.change_id, measured.droplet_id;
