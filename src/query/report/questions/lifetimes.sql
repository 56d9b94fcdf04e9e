-- title: Lifetimes
-- summary: When each droplet was created, when it was destroyed, and how long it lived; until now, if it exists.
-- estimate: A destroyed droplet may leave no action. It was then gone at the latest when a sync found it missing. One
--   of which the archive has neither, though the API lists others, is unlisted: its end is not known.
-- absence: A row may say that the droplet was not destroyed.
-- lists: droplet
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter state (text of exists, gone, unlisted, unknown) = exists,gone,unlisted,unknown: only in these states

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:state, ''), 'exists,gone,unlisted,unknown') AS state
), parameters AS (
    SELECT now,
           CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           CASE WHEN json_valid(state) THEN state
                ELSE '["' || replace(state, ',', '","') || '"]' END AS states
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
)
SELECT lives.droplet_id,
       lives.droplet_name,
       lives.state,
       lives.created_at,
       lives.created_known_by,
       lives.gone_at,
       lives.gone_known_by,
       CASE WHEN lives.state <> 'unlisted'
            THEN max(CAST(strftime('%s', coalesce(lives.gone_at, parameters.now)) AS INTEGER)
                       - CAST(strftime('%s', lives.created_at) AS INTEGER), 0)
        END AS lifetime_seconds
  FROM parameters
  JOIN droplet_lives AS lives
 WHERE lives.state IN (SELECT trim(wanted.value) FROM json_each(parameters.states) AS wanted)
   AND lives.droplet_id IN (SELECT droplet_id FROM archived_histories)  -- elsewhere a birth or a destroy may be missing
   AND ((SELECT droplet FROM given) = '*' OR lives.droplet_id IN (SELECT droplet_id FROM chosen))
 ORDER BY lives.created_at, lives.droplet_id;
