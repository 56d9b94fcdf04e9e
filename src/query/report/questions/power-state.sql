-- title: Power state
-- summary: Whether each droplet was on or off at a time, by the last action before that turned it on or off. Droplets
--   that did not exist then are shown only when they are asked for.
-- estimate: A droplet that crashed, or was turned off from within, leaves no action. A shutdown that completed does not
--   prove that the droplet was off.
-- absence: A row says that the droplet was not turned on or off since.
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter at (time) = now: at this time

WITH given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           nullif(:at, '') AS at
), parameters AS (
    -- A time, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(at, now)),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || at),
                    json('no time: ' || at)) AS at
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
), changes AS (
    -- One droplet's actions are found by an index, if its id is known before anything is read. Otherwise all are read.
    SELECT *
      FROM power_events
     WHERE droplet_id = CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                              AND json_type(:droplet, '$[0]') = 'integer'
                             THEN max(json_extract(:droplet, '$[0]'), 0) END
     UNION ALL
    SELECT *
      FROM power_events
     WHERE CASE WHEN json_valid(:droplet) AND json_array_length(:droplet) = 1
                 AND json_type(:droplet, '$[0]') = 'integer'
                THEN 0 ELSE 1 END
       AND ((SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen))
), events AS (
    SELECT droplet_id, action_id, type, happened_at, power, certainty,
           row_number() OVER (PARTITION BY droplet_id ORDER BY happened_at DESC, action_id DESC) AS place
      FROM changes
     WHERE happened_at <= (SELECT at FROM parameters)
), states AS (
    SELECT lives.droplet_id,
           lives.droplet_name,
           lives.state,
           CASE WHEN lives.gone_at <= parameters.at THEN 'gone'
                WHEN last.power IS NULL
                 AND lives.created_at > parameters.at
                 AND lives.created_known_by <> 'first action' THEN 'not created'
                WHEN lives.state = 'unlisted' AND lives.last_action_at < parameters.at THEN 'unknown'
                ELSE coalesce(last.power, 'unknown')
            END AS power,
           last.happened_at AS last_event_at,
           last.type AS last_event,
           last.action_id,
           last.certainty
      FROM parameters
      JOIN droplet_lives AS lives
      LEFT JOIN events AS last ON last.droplet_id = lives.droplet_id AND last.place = 1
     WHERE (SELECT droplet FROM given) = '*' OR lives.droplet_id IN (SELECT droplet_id FROM chosen)
)
SELECT droplet_id,
       droplet_name,
       power,
       last_event_at,
       last_event,
       action_id,
       CASE WHEN power IN ('on', 'off') THEN certainty END AS certainty
  FROM states
 WHERE (SELECT droplet FROM given) <> '*'
    OR power IN ('on', 'off')
    OR power = 'unknown' AND state <> 'unlisted'
 ORDER BY droplet_id;
