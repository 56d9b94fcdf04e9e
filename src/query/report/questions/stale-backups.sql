-- title: Stale backups
-- summary: Droplets without a recent backup or snapshot. They have existed for longer than a time, and their last
--   completed one is older than that, or they have none.
-- absence: A row says that no recent backup was made.
-- narrow: droplet_name, age_seconds, last_backup_at, last_backup, created_at
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
), latest AS (
    SELECT droplet_id, type, max(saved_at) AS saved_at
      FROM droplet_backups
     WHERE type IN (SELECT trim(wanted.value) FROM parameters, json_each(parameters.types) AS wanted)
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
  JOIN droplet_lives AS lives
  LEFT JOIN latest ON latest.droplet_id = lives.droplet_id
       -- Where the API never listed any droplet, one that nothing says is gone may exist.
 WHERE lives.state IN ('exists', 'unknown')
   AND coalesce(latest.saved_at < parameters.stale_before, 1)
       -- What was created since cannot have an older backup; a first action only says it was created by then.
   AND coalesce(lives.created_at < parameters.stale_before OR lives.created_known_by = 'first action', 1)
   AND ((SELECT droplet FROM given) = '*' OR lives.droplet_id IN (SELECT droplet_id FROM chosen))
 ORDER BY latest.saved_at, lives.droplet_id;
