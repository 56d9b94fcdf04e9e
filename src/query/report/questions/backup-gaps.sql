-- title: Backup gaps
-- summary: Stretches of time in which a droplet that has backups got no new one. They lie between two completed backups
--   or snapshots, from the droplet's creation to its first, and from its last until it was gone, or until now.
-- absence: A row says that no backup was made for some time.
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter longer_than (duration) = 8d: gaps that are longer
-- parameter type (types) = backup,snapshot: what counts as a backup
-- parameter since (time) = 90d: gaps that ended at this time or later, or have not ended

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:longer_than, ''), '8 days') AS longer_than,
           coalesce(nullif(:type, ''), 'backup,snapshot') AS type,
           coalesce(nullif(:since, ''), '90 days') AS since
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT now,
           CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(type) THEN type
                ELSE '["' || replace(type, ',', '","') || '"]' END AS types,
           CAST(coalesce(strftime('%s', now, '+' || longer_than),
                         json('no duration: ' || longer_than)) AS INTEGER)
             - CAST(strftime('%s', now) AS INTEGER) AS longest_seconds,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', since),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || since),
                    json('no time: ' || since)) AS since
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
), backups AS (
    -- One droplet's actions are found by an index, if its id is known before anything is read. Otherwise all are read.
    SELECT *
      FROM droplet_backups
     WHERE droplet_id = CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                              AND json_type(:droplet, '$[0]') = 'integer'
                             THEN max(json_extract(:droplet, '$[0]'), 0) END
     UNION ALL
    SELECT *
      FROM droplet_backups
     WHERE CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                 AND json_type(:droplet, '$[0]') = 'integer'
                THEN 0 ELSE 1 END
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
), series AS (
    SELECT droplet_id, saved_at, type,
           row_number() OVER droplet AS number,
           lead(saved_at) OVER droplet AS next_at,
           lead(type) OVER droplet AS next_type
      FROM backups
     WHERE type IN (SELECT trim(wanted.value) FROM parameters, json_each(parameters.types) AS wanted)
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY saved_at, action_id)
), gaps AS (
    SELECT droplet_id, saved_at AS from_at, type AS from_event, next_at AS to_at, next_type AS to_event
      FROM series
     WHERE next_at IS NOT NULL
     UNION ALL
    SELECT series.droplet_id, series.saved_at, series.type, lives.gone_at, coalesce(lives.gone_known_by, 'now')
      FROM series
      JOIN droplet_lives AS lives ON lives.droplet_id = series.droplet_id
     WHERE series.next_at IS NULL
       AND lives.state <> 'unlisted'  -- gone at a time that nothing tells
     UNION ALL
    SELECT series.droplet_id, lives.created_at, 'create', series.saved_at, series.type
      FROM series
      JOIN droplet_lives AS lives ON lives.droplet_id = series.droplet_id
     WHERE series.number = 1
       AND lives.created_known_by <> 'first action'
), measured AS (
    SELECT droplet_id, from_at, from_event, to_at, to_event,
           CAST(strftime('%s', coalesce(to_at, (SELECT now FROM parameters))) AS INTEGER)
             - CAST(strftime('%s', from_at) AS INTEGER) AS gap_seconds
      FROM gaps
)
SELECT measured.droplet_id,
       droplets.name AS droplet_name,
       measured.from_at,
       measured.from_event,
       measured.to_at,
       measured.to_event,
       measured.gap_seconds
  FROM measured
  LEFT JOIN droplets ON droplets.id = measured.droplet_id
 WHERE measured.gap_seconds > (SELECT longest_seconds FROM parameters)
   AND (measured.to_at IS NULL OR measured.to_at >= (SELECT since FROM parameters))
 ORDER BY measured.from_at, measured.droplet_id;
