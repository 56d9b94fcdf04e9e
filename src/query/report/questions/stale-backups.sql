-- title: Stale backups
-- summary: Droplets without a recent backup or snapshot. They have existed for longer than a time, and their last
--   completed one is older than that, or they have none.
-- absence: A row says that no recent backup was made.
-- narrow: droplet_name, age_seconds, last_backup_at, last_backup, created_at
-- finds: droplet
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter older_than (duration) = 30d: how old a backup has to be to be stale
-- parameter type (types) = backup,snapshot: what counts as a backup

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:older_than, ''), '30 days') AS older_than,
           coalesce(nullif(:type, ''), 'backup,snapshot') AS type
), parameters AS (
    -- json() refuses what is no duration, so that nothing else is answered instead.
    SELECT now,
           CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || older_than),
                    json('no duration: ' || older_than)) AS stale_before
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
), types AS MATERIALIZED (
    SELECT trim(wanted.value) AS type FROM parameters, json_each(parameters.types) AS wanted
), lives AS MATERIALIZED (
    SELECT droplet_id, droplet_name, created_at
      FROM droplet_lives
           -- Where the API never listed any droplet, one that nothing says is gone may exist.
     WHERE state IN ('exists', 'unknown')
           -- Where actions may be missing, a backup may be.
       AND droplet_id IN (SELECT droplet_id FROM archived_histories)
           -- What was created since cannot have an older backup; a first action only says it was created by then.
       AND coalesce(created_at < (SELECT stale_before FROM parameters) OR created_known_by = 'first action', 1)
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
), near AS MATERIALIZED (
    -- What was saved after the last of them that began began in the hour before it, or is irregular.
    SELECT droplet_id,
           (SELECT backups.started_at
              FROM own_backups AS backups
             WHERE backups.droplet_id = lives.droplet_id
               AND backups.type IN (SELECT type FROM types)
               AND backups.saved_at >= backups.started_at
             ORDER BY backups.started_at DESC
             LIMIT 1) AS from_at
      FROM lives
), backups AS (
    SELECT backups.*
      FROM near
     CROSS JOIN own_backups AS backups
        ON backups.droplet_id = near.droplet_id
       AND backups.started_at > strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour')
     WHERE backups.saved_at >= near.from_at
     UNION ALL
    SELECT backups.*
      FROM irregular_actions AS irregular
     CROSS JOIN own_backups AS backups ON backups.action_id = irregular.id
     UNION ALL
    SELECT *
      FROM listed_backups
), latest AS (
    SELECT droplet_id, type, max(saved_at) AS saved_at
      FROM backups
     WHERE type IN (SELECT type FROM types)
     GROUP BY droplet_id
)
SELECT lives.droplet_id,
       lives.droplet_name,
       lives.created_at,
       latest.saved_at AS last_backup_at,
       coalesce(latest.type, 'none') AS last_backup,
       CAST(strftime('%s', parameters.now) AS INTEGER)
         - CAST(strftime('%s', latest.saved_at) AS INTEGER) AS age_seconds
  FROM parameters
  JOIN lives
  LEFT JOIN latest ON latest.droplet_id = lives.droplet_id
 WHERE coalesce(latest.saved_at < parameters.stale_before, 1)
 ORDER BY latest.saved_at, lives.droplet_id;
