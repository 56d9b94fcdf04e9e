-- Actions wait nowhere any more: what a first sync of many droplets put aside, and was killed before it put it in place,
-- goes where the other actions are. In the order it came, as information only grows.

INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, extra)
SELECT id, status, type, strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', completed_at, 'unixepoch'), resource_id, resource_type, region_slug,
       first_seen_run, extra
  FROM staged_actions
 ORDER BY id, position
    ON CONFLICT (id) DO UPDATE
   SET status = CASE
           WHEN status IN ('completed', 'errored')
                AND excluded.status NOT IN ('completed', 'errored') THEN status
           ELSE coalesce(excluded.status, status)
       END,
       type = coalesce(excluded.type, type),
       started_at = coalesce(excluded.started_at, started_at),
       completed_at = coalesce(excluded.completed_at, completed_at),
       resource_id = coalesce(excluded.resource_id, resource_id),
       resource_type = coalesce(excluded.resource_type, resource_type),
       region_slug = coalesce(excluded.region_slug, region_slug),
       -- Field by field; null says nothing about a field that is known.
       extra = CASE
           WHEN json_valid(extra) AND json_valid(excluded.extra) THEN (
               SELECT json_group_object(key, json(value))
                 FROM (SELECT key, actions.extra -> fullkey AS value
                         FROM json_each(actions.extra)
                        WHERE key NOT IN (SELECT key FROM json_each(excluded.extra) WHERE type <> 'null')
                        UNION ALL
                       SELECT key, excluded.extra -> fullkey
                         FROM json_each(excluded.extra)
                        WHERE type <> 'null' OR key NOT IN (SELECT key FROM json_each(actions.extra))
                        ORDER BY key))
           WHEN json_valid(excluded.extra) THEN excluded.extra
           ELSE extra
       END,
       changed_run = excluded.first_seen_run
 WHERE (excluded.status, excluded.type, excluded.started_at, excluded.completed_at, excluded.resource_id,
        excluded.resource_type, excluded.region_slug, excluded.extra)
       IS NOT (status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra);

INSERT OR IGNORE INTO droplet_listed_actions (droplet_id, action_id)
SELECT listed_by, id FROM staged_actions WHERE listed_by IS NOT NULL;

DROP TABLE staged_actions;
