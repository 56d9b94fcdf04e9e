-- title: Power state
-- summary: Whether each droplet was on or off at a time, by the last action before that turned it on or off. Droplets
--   that did not exist then are shown only when they are asked for.
-- estimate: A droplet that crashed, or was turned off from within, leaves no action. A shutdown that completed does not
--   prove that the droplet was off.
-- absence: A row says that the droplet was not turned on or off since.
-- lists: droplet
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
), lives AS MATERIALIZED (
    SELECT *
      FROM droplet_lives
     WHERE (SELECT droplet FROM given) = '*' OR droplet_id IN (SELECT droplet_id FROM chosen)
), near AS MATERIALIZED (
    -- What ended after the last of them that began began in the hour before it, or is irregular.
    SELECT droplet_id,
           (SELECT events.started_at
              FROM own_power_events AS events
             WHERE events.droplet_id = lives.droplet_id
               AND events.started_at <= (SELECT at FROM parameters)
               AND events.happened_at BETWEEN events.started_at AND (SELECT at FROM parameters)
             ORDER BY events.started_at DESC
             LIMIT 1) AS from_at
      FROM lives
), changes AS (
    SELECT events.*
      FROM near
     CROSS JOIN own_power_events AS events
        ON events.droplet_id = near.droplet_id
       AND events.started_at > strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour')
       AND events.started_at <= (SELECT at FROM parameters)
     WHERE events.happened_at >= near.from_at
     UNION ALL
    SELECT events.*
      FROM irregular_actions AS irregular
     CROSS JOIN own_power_events AS events ON events.action_id = irregular.id
     UNION ALL
    SELECT *
      FROM listed_power_events
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
      JOIN lives
      LEFT JOIN events AS last ON last.droplet_id = lives.droplet_id AND last.place = 1
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
