-- title: Backup gaps
-- summary: Stretches of time in which a droplet that has backups got no new one. They lie between two completed backups
--   or snapshots, from the droplet's creation to its first, and from its last until it was gone, or until now.
-- absence: A row says that no backup was made for some time.
-- finds: gap
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter longer_than (duration) = 8d: gaps that are longer
-- parameter type (types) = backup,snapshot: what counts as a backup
-- parameter since (time) = 90d: gaps that ended at this time or later, or have not ended
-- parameter until (end) = now: gaps that began before this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:longer_than, ''), '8 days') AS longer_than,
           coalesce(nullif(:type, ''), 'backup,snapshot') AS type,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until
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
), types AS MATERIALIZED (
    SELECT trim(wanted.value) AS type FROM parameters, json_each(parameters.types) AS wanted
), archived AS MATERIALIZED (
    SELECT droplet_id FROM archived_histories
), lives AS MATERIALIZED (
    SELECT droplet_id, created_at, created_known_by, gone_at, gone_known_by, state
      FROM droplet_lives
     WHERE +droplet_id IN (SELECT droplet_id FROM archived)  -- elsewhere a backup may be missing
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
), near AS MATERIALIZED (
    -- The gaps that matter begin with the last backup before `since` or later. What was saved after it began in the hour
    -- before it or later, or is irregular.
    SELECT droplet_id,
           coalesce((SELECT backups.started_at
                       FROM own_backups AS backups
                      WHERE backups.droplet_id = lives.droplet_id
                        AND backups.type IN (SELECT type FROM types)
                        AND backups.started_at < (SELECT since FROM parameters)
                        AND backups.saved_at >= backups.started_at
                        AND backups.saved_at < (SELECT since FROM parameters)
                      ORDER BY backups.started_at DESC
                      LIMIT 1), '') AS from_at
      FROM lives
), backups AS (
    SELECT backups.*
      FROM near
     CROSS JOIN own_backups AS backups
        ON backups.droplet_id = near.droplet_id
       AND backups.started_at > coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour'), '')
     WHERE backups.saved_at >= near.from_at
       AND backups.action_id NOT IN (SELECT id FROM irregular_actions)
     UNION ALL
    SELECT backups.*
      FROM irregular_actions AS irregular
     CROSS JOIN own_backups AS backups ON backups.action_id = irregular.id
     UNION ALL
    SELECT *
      FROM listed_backups
), series AS (
    SELECT droplet_id, saved_at, type,
           lag(saved_at) OVER droplet AS before_at,
           lead(saved_at) OVER droplet AS next_at,
           lead(type) OVER droplet AS next_type
      FROM backups
     WHERE type IN (SELECT type FROM types)
    WINDOW droplet AS (PARTITION BY droplet_id ORDER BY saved_at, action_id)
), ends AS MATERIALIZED (
    SELECT droplet_id, saved_at, type, before_at, next_at, next_type
      FROM series
     WHERE before_at IS NULL
        OR next_at IS NULL
        OR 86400 * (julianday(next_at) - julianday(saved_at)) > (SELECT longest_seconds FROM parameters) - 1
), gaps AS (
    SELECT droplet_id, saved_at AS from_at, type AS from_event, next_at AS to_at, next_type AS to_event
      FROM ends
     WHERE next_at IS NOT NULL
     UNION ALL
    SELECT ends.droplet_id, ends.saved_at, ends.type, lives.gone_at, coalesce(lives.gone_known_by, 'now')
      FROM ends
      JOIN lives ON lives.droplet_id = ends.droplet_id
     WHERE ends.next_at IS NULL
       AND lives.state <> 'unlisted'  -- gone at a time that nothing tells
     UNION ALL
    SELECT ends.droplet_id, lives.created_at, 'create', ends.saved_at, ends.type
      FROM ends
      JOIN lives ON lives.droplet_id = ends.droplet_id
     WHERE ends.before_at IS NULL
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
   AND measured.from_at < (SELECT until FROM parameters)
 ORDER BY measured.from_at, measured.droplet_id;
