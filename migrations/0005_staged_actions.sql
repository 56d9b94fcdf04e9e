-- A first sync of many droplets reads one droplet after the other, so its actions come in no order of ids.

-- Actions that wait to be put into the table actions in the order of their ids: written one by one, each would touch
-- another part of it. Their listings are covered, and no sync ends with any here; what a killed one left is put in place
-- when the next one begins.
CREATE TABLE staged_actions (
    position        INTEGER PRIMARY KEY,  -- in the order they came
    id              INTEGER NOT NULL,
    status          TEXT,
    type            TEXT,
    started_at      INTEGER,  -- seconds since 1970, half as long as the text
    completed_at    INTEGER,
    resource_id     INTEGER,
    resource_type   TEXT,
    region_slug     TEXT,
    first_seen_run  INTEGER NOT NULL,
    extra           TEXT,
    listed_by       INTEGER   -- the droplet that listed it, where its resource does not say so
) STRICT;
