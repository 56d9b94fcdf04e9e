-- title: Uptime
-- summary: The share of time that each droplet was on, by month, week or day, within the window and the droplet's life.
--   Two bounds where a shutdown, an action under way or a gap in the archive leaves doubt.
-- estimate: On from the end of the action that turned a droplet on until the start of the next one that may turn it off;
--   off likewise. Between start and end of an action, after a shutdown, before the first action and after the last
--   complete sync, it counts as off for the minimum and as on for the maximum. An action in progress has no end yet. One
--   that failed changed nothing after its end. A droplet that crashed, or was turned off from within, leaves no action.
-- absence: A row may say that the droplet was not turned on or off again.
-- narrow: droplet_name, period, uptime_min_percent, uptime_max_percent
-- lists: period
-- total fleet: seconds, up_seconds_min, up_seconds_max, uptime_min_percent, uptime_max_percent
-- parameter droplet (droplets) = *: only these droplets, by id, name or pattern
-- parameter since (time) = 90d: from this time on
-- parameter until (end) = now: up to this time
-- parameter by (periods) = month: month, week, day, or all for the window as one

WITH RECURSIVE given AS (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(nullif(:now, ''), 'now')) AS now,
           coalesce(nullif(:droplet, ''), '*') AS droplet,
           coalesce(nullif(:since, ''), '90 days') AS since,
           nullif(:until, '') AS until,
           coalesce(nullif(:by, ''), 'month') AS by
), parameters AS (
    -- Times are times, or how long ago; json() refuses what is neither, so that nothing else is answered instead.
    SELECT CASE WHEN json_valid(droplet) AND droplet GLOB '[[]*' THEN droplet
                ELSE '["' || replace(droplet, ',', '","') || '"]' END AS droplets,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', since),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || since),
                    json('no time: ' || since)) AS since,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(until, now)),
                    strftime('%Y-%m-%dT%H:%M:%SZ', now, '-' || until),
                    json('no time: ' || until)) AS until,
           CASE WHEN by IN ('month', 'week', 'day', 'all') OR json_valid(by) THEN by
                ELSE json('no period: ' || by) END AS by
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
), starts (from_at) AS (
    -- In UTC. The periods of another zone come as a list of name, start and end.
    SELECT CASE by WHEN 'month' THEN strftime('%Y-%m-01T00:00:00Z', since)
                   WHEN 'week' THEN strftime('%Y-%m-%dT00:00:00Z', since, 'weekday 0', '-6 days')
                   WHEN 'day' THEN strftime('%Y-%m-%dT00:00:00Z', since)
            END
      FROM parameters
     UNION ALL
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', from_at, CASE by WHEN 'month' THEN '+1 month'
                                                           WHEN 'week' THEN '+7 days'
                                                           ELSE '+1 day' END)
      FROM starts, parameters
     WHERE from_at < until
), named AS (
    SELECT CASE by WHEN 'month' THEN substr(from_at, 1, 7)
                   WHEN 'week' THEN strftime('%Y-W', from_at, '+3 days')
                                    || substr('0' || ((strftime('%j', from_at, '+3 days') + 6) / 7), -2)
                   ELSE substr(from_at, 1, 10)
            END AS period,
           from_at,
           lead(from_at) OVER (ORDER BY from_at) AS to_at
      FROM starts, parameters
     WHERE from_at IS NOT NULL
     UNION ALL
    SELECT 'all', since, until FROM parameters WHERE by = 'all'
     UNION ALL
    SELECT json_extract(listed.value, '$[0]'), json_extract(listed.value, '$[1]'), json_extract(listed.value, '$[2]')
      FROM parameters, json_each(CASE WHEN json_valid(by) THEN by ELSE '[]' END) AS listed
), periods AS MATERIALIZED (
    -- Times in seconds since 1970 from here on.
    SELECT period,
           CAST(strftime('%s', max(named.from_at, parameters.since)) AS INTEGER) AS from_s,
           CAST(strftime('%s', min(named.to_at, parameters.until)) AS INTEGER) AS to_s
      FROM named, parameters
     WHERE named.from_at < parameters.until
       AND named.to_at > parameters.since
), lives AS MATERIALIZED (
    -- A droplet that is unlisted existed until its last action, at least.
    SELECT lives.droplet_id,
           lives.droplet_name,
           max(CAST(strftime('%s', lives.created_at) AS INTEGER),
               CAST(strftime('%s', parameters.since) AS INTEGER)) AS from_s,
           min(CAST(strftime('%s', coalesce(lives.gone_at,
                                            CASE lives.state WHEN 'unlisted' THEN lives.last_action_at END,
                                            parameters.until)) AS INTEGER),
               CAST(strftime('%s', parameters.until) AS INTEGER)) AS to_s,
           CAST(strftime('%s', CASE WHEN coalesce(lives.gone_known_by, '') <> 'sync' THEN archived.archived_until
                                    ELSE min(archived.archived_until, lives.last_action_at) END) AS INTEGER) AS known_s
      FROM parameters
     CROSS JOIN droplet_lives AS lives
      LEFT JOIN archived_histories AS archived ON archived.droplet_id = lives.droplet_id
     WHERE lives.created_at < parameters.until
       AND coalesce(lives.gone_at > parameters.since, 1)
       AND ((SELECT droplet FROM given) = '*' OR lives.droplet_id IN (SELECT droplet_id FROM chosen))
), own AS NOT MATERIALIZED (
    SELECT resource_id AS droplet_id, id, type, status, started_at, completed_at
      FROM actions
     WHERE resource_type = 'droplet'
       AND type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle',
                    'shutdown', 'reboot', 'password_reset', 'rebuild', 'restore')
), near AS MATERIALIZED (
    -- What certainly turned a droplet on or off last before the window decides how the window begins.
    SELECT droplet_id,
           coalesce((SELECT own.started_at
                       FROM own
                      WHERE own.droplet_id = lives.droplet_id
                        AND own.type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle')
                        AND own.status = 'completed'
                        AND own.started_at <= (SELECT since FROM parameters)
                        AND own.completed_at BETWEEN own.started_at AND (SELECT since FROM parameters)
                      ORDER BY own.started_at DESC
                      LIMIT 1), '') AS from_at
      FROM lives
), odd AS MATERIALIZED (
    SELECT id FROM irregular_actions
     UNION ALL
    SELECT id FROM actions WHERE status = 'in-progress'
), power_actions AS (
    -- What ended after the start of that action began in the hour before it or later, or is irregular or in progress.
    SELECT own.*
      FROM near
     CROSS JOIN own
     WHERE own.droplet_id = near.droplet_id
       AND own.started_at > coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', near.from_at, '-1 hour'), '')
       AND own.started_at < (SELECT until FROM parameters)
       AND coalesce(own.completed_at, own.started_at) >= near.from_at
       AND own.id NOT IN (SELECT id FROM odd)
     UNION ALL
    SELECT own.*
      FROM odd
     CROSS JOIN own
     WHERE own.id = odd.id
       AND own.droplet_id IN (SELECT droplet_id FROM lives)
     UNION ALL
    SELECT listed.droplet_id, id, type, status, started_at, completed_at
      FROM droplet_listed_actions AS listed
     CROSS JOIN actions
     WHERE actions.id = listed.action_id
       AND listed.droplet_id IN (SELECT droplet_id FROM lives)
       AND (resource_type IS NULL OR resource_type = 'droplet' AND resource_id IS NOT listed.droplet_id)
       AND type IN ('create', 'destroy', 'power_on', 'power_off', 'power_cycle',
                    'shutdown', 'reboot', 'password_reset', 'rebuild', 'restore')
), spans AS (
    -- An action takes effect at a second from start_s to end_s. Without a start that may be any time before, and while it
    -- is in progress any time after.
    SELECT droplet_id, id,
           CASE WHEN started_at IS NULL THEN 0
                ELSE CAST(strftime('%s', min(started_at, coalesce(completed_at, started_at))) AS INTEGER)
            END AS start_s,
           CASE WHEN status = 'in-progress' THEN 253402300800
                ELSE CAST(strftime('%s', max(coalesce(completed_at, started_at), coalesce(started_at, completed_at)))
                          AS INTEGER)
            END AS end_s,
           -- 'still on' and 'still off' change nothing where that was certain before, and 'none' changes nothing.
           CASE WHEN status = 'errored' THEN 'none'
                WHEN status IS NOT 'completed' OR completed_at IS NULL THEN 'doubt'
                WHEN type = 'destroy' THEN 'doubt'
                WHEN type = 'power_off' THEN 'off'
                WHEN type = 'shutdown' THEN 'still off'
                WHEN type IN ('create', 'power_on', 'power_cycle') THEN 'on'
                ELSE 'still on'
            END AS effect
      FROM power_actions
     WHERE coalesce(started_at, completed_at) IS NOT NULL
), states AS (
    -- Between two actions a droplet is certainly on when whatever might have turned it off had ended before the last one
    -- that turned it on began, and off likewise. Two actions that begin and end in the same second have no order.
    SELECT droplet_id,
           max(end_s) OVER earlier AS from_s,
           lead(start_s) OVER earlier AS to_s,
           coalesce(max(CASE WHEN effect = 'on' THEN start_s END) OVER earlier
             >= coalesce(max(CASE WHEN effect IN ('off', 'still off', 'doubt')
                                  THEN max(end_s, start_s + 1) END) OVER earlier, 0), 0) AS is_on,
           coalesce(max(CASE WHEN effect = 'off' THEN start_s END) OVER earlier
             >= coalesce(max(CASE WHEN effect IN ('on', 'still on', 'doubt')
                                  THEN max(end_s, start_s + 1) END) OVER earlier, 0), 0) AS is_off
      FROM spans
    WINDOW earlier AS (PARTITION BY droplet_id ORDER BY start_s, end_s, id
                       ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
), certain AS (
    SELECT states.droplet_id,
           max(states.from_s, lives.from_s) AS from_s,
           min(coalesce(states.to_s, lives.to_s), lives.to_s, lives.known_s) AS to_s,
           is_on
      FROM states
      JOIN lives ON lives.droplet_id = states.droplet_id
     WHERE is_on <> is_off
       AND coalesce(states.to_s > states.from_s, 1)
), sums AS (
    SELECT certain.droplet_id, periods.period,
           sum(CASE WHEN is_on THEN min(certain.to_s, periods.to_s) - max(certain.from_s, periods.from_s) END) AS on_seconds,
           sum(CASE WHEN NOT is_on THEN min(certain.to_s, periods.to_s) - max(certain.from_s, periods.from_s) END)
             AS off_seconds
      FROM certain
      JOIN periods ON periods.from_s < certain.to_s AND periods.to_s > certain.from_s
     WHERE certain.from_s < certain.to_s
     GROUP BY certain.droplet_id, periods.period
), measured AS (
    SELECT lives.droplet_id, lives.droplet_name, periods.period, periods.from_s,
           min(lives.to_s, periods.to_s) - max(lives.from_s, periods.from_s) AS seconds,
           coalesce(sums.on_seconds, 0) AS on_seconds,
           coalesce(sums.off_seconds, 0) AS off_seconds
      FROM lives
      JOIN periods ON periods.from_s < lives.to_s AND periods.to_s > lives.from_s
      LEFT JOIN sums ON sums.droplet_id = lives.droplet_id AND sums.period = periods.period
)
-- The minimum is rounded down and the maximum up, so that the truth lies between them.
SELECT droplet_id,
       droplet_name,
       period,
       seconds,
       on_seconds AS up_seconds_min,
       seconds - off_seconds AS up_seconds_max,
       on_seconds * 100000 / seconds / 1000.0 AS uptime_min_percent,
       ((seconds - off_seconds) * 100000 + seconds - 1) / seconds / 1000.0 AS uptime_max_percent
  FROM measured
 WHERE seconds > 0
 ORDER BY droplet_id, from_s;
