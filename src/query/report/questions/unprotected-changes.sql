-- title: Unprotected changes
-- summary: Risky actions on droplets without a recent backup or snapshot. None was completed within a time before.
--   Risky actions that failed do not count.
-- absence: A row says that no backup was made before the action.
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
), history AS (
    SELECT droplet_id, id AS change_id, type, status, started_at AS happened_at, NULL AS saved_at
      FROM droplet_actions
     WHERE type IN (SELECT trim(wanted.value) FROM parameters, json_each(parameters.types) AS wanted)
       AND status IS NOT 'errored'
       AND coalesce(resource_type, 'droplet') = 'droplet'
       AND started_at >= (SELECT since FROM parameters)
       AND started_at < (SELECT until FROM parameters)
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
     UNION ALL
    SELECT droplet_id, NULL, NULL, NULL, saved_at, saved_at
      FROM droplet_backups
     WHERE (SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen)
), protected AS (
    -- A backup that was completed in the same second came before: its change_id, NULL, sorts first.
    SELECT droplet_id, change_id, type, status, happened_at,
           max(saved_at) OVER (PARTITION BY droplet_id ORDER BY happened_at, change_id) AS last_backup_at
      FROM history
), measured AS (
    SELECT droplet_id, change_id, type, status, happened_at, last_backup_at,
           CAST(strftime('%s', happened_at) AS INTEGER)
             - CAST(strftime('%s', last_backup_at) AS INTEGER) AS backup_age_seconds
      FROM protected
     WHERE change_id IS NOT NULL
)
SELECT measured.droplet_id,
       droplets.name AS droplet_name,
       measured.change_id AS action_id,
       measured.type,
       measured.status,
       measured.happened_at AS started_at,
       measured.last_backup_at,
       measured.backup_age_seconds
  FROM measured
  LEFT JOIN droplets ON droplets.id = measured.droplet_id
 WHERE measured.backup_age_seconds IS NULL
    OR measured.backup_age_seconds > (SELECT within_seconds FROM parameters)
 ORDER BY measured.happened_at, measured.change_id, measured.droplet_id;
