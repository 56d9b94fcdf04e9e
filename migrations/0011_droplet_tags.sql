-- Tags come and go, and a question may be about the droplets of one.

-- Each tag a droplet was seen with.
CREATE TABLE droplet_tags (
    droplet_id     INTEGER NOT NULL REFERENCES droplets (id),
    tag            TEXT    NOT NULL,
    first_seen_at  TEXT    NOT NULL,  -- for a tag that was archived before this table: seen then at the latest
    gone_at        TEXT,              -- when a sync first saw the droplet without it; NULL: it had it when last seen
    PRIMARY KEY (droplet_id, tag)
) STRICT, WITHOUT ROWID;

-- The last sync that could see a droplet saw it with the tags that are archived.
INSERT OR IGNORE INTO droplet_tags (droplet_id, tag, first_seen_at)
SELECT droplets.id,
       tags.value,
       max(droplets.first_seen_at,
           coalesce((SELECT max(started_at) FROM sync_runs
                      WHERE started_at < coalesce(droplets.gone_at, '9999')), ''))
  FROM droplets, json_each(CASE WHEN json_valid(droplets.extra) THEN droplets.extra END, '$.tags') AS tags
 WHERE tags.type = 'text';
