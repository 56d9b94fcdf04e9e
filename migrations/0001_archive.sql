-- The archive: what happened, where, to which droplet, and how it came to be known.
-- Times are UTC, as text YYYY-MM-DDTHH:MM:SSZ, so they sort and compare as text.
-- Anything the API may leave out is nullable here: a missing value is stored as NULL, never guessed.

-- One row per sync, written when it starts and again when it ends.
CREATE TABLE sync_runs (
    id                   INTEGER PRIMARY KEY,
    started_at           TEXT    NOT NULL,
    finished_at          TEXT,              -- NULL: still running, or killed
    scope                TEXT    NOT NULL,  -- what was asked for: 'account', or droplets and tags as JSON
    outcome              TEXT,              -- complete, partial, failed or interrupted; NULL while it runs
    requests             INTEGER NOT NULL DEFAULT 0,  -- HTTP requests sent, retries included
    retries              INTEGER NOT NULL DEFAULT 0,  -- requests that had to be sent again
    inserted             INTEGER NOT NULL DEFAULT 0,  -- actions that are new in the archive
    updated              INTEGER NOT NULL DEFAULT 0,  -- actions about which something more became known
    unchanged            INTEGER NOT NULL DEFAULT 0,  -- actions read again with nothing new in them
    rejected             INTEGER NOT NULL DEFAULT 0,  -- rows that could not be archived: no integer id
    ratelimit_remaining  INTEGER,           -- requests the token had left when the run ended
    message              TEXT,              -- what is missing, in words; NULL when complete
    version              TEXT    NOT NULL   -- of archiver
) STRICT;

-- A region, once. Every action of the API repeats it whole.
CREATE TABLE regions (
    slug           TEXT NOT NULL PRIMARY KEY,
    name           TEXT,
    available      INTEGER,        -- 1 or 0: whether new droplets can be created there
    extra          TEXT,           -- fields of the API that have no column, as JSON
    first_seen_at  TEXT NOT NULL,
    last_seen_at   TEXT NOT NULL   -- kept to the day, so that a sync with nothing new writes nothing
) STRICT;

CREATE TABLE region_features (
    region_slug    TEXT NOT NULL REFERENCES regions (slug),
    feature        TEXT NOT NULL,
    first_seen_at  TEXT NOT NULL,
    last_seen_at   TEXT NOT NULL,  -- older than its region's: the region did not show it any more
    PRIMARY KEY (region_slug, feature)
) STRICT, WITHOUT ROWID;

CREATE TABLE region_sizes (
    region_slug    TEXT NOT NULL REFERENCES regions (slug),
    size_slug      TEXT NOT NULL,
    first_seen_at  TEXT NOT NULL,
    last_seen_at   TEXT NOT NULL,  -- older than its region's: not shown any more, or not to this token
    PRIMARY KEY (region_slug, size_slug)
) STRICT, WITHOUT ROWID;

-- One row per action, named as the API names its fields.
CREATE TABLE actions (
    id              INTEGER PRIMARY KEY,
    status          TEXT,     -- in-progress, completed, errored, or what else the API says
    type            TEXT,
    started_at      TEXT,
    completed_at    TEXT,     -- NULL while in progress; once known it stays
    resource_id     INTEGER,
    resource_type   TEXT,
    region_slug     TEXT    REFERENCES regions (slug),
    first_seen_run  INTEGER NOT NULL REFERENCES sync_runs (id),  -- the sync that archived it
    changed_run     INTEGER REFERENCES sync_runs (id),  -- the last sync that learned more about it
    extra           TEXT      -- fields of the API that have no column, or a value that does not fit it, as JSON
) STRICT;

CREATE INDEX actions_by_type_and_time ON actions (type, started_at);
CREATE INDEX actions_by_resource_and_time ON actions (resource_id, started_at);
CREATE INDEX actions_by_time ON actions (started_at);
CREATE INDEX actions_open ON actions (started_at) WHERE status = 'in-progress';

-- The droplets that a sync was told about, or that the API listed.
CREATE TABLE droplets (
    id             INTEGER PRIMARY KEY,
    name           TEXT,           -- the latest known
    region_slug    TEXT,
    created_at     TEXT,
    extra          TEXT,           -- tags and size, as JSON
    first_seen_at  TEXT NOT NULL,
    gone_at        TEXT            -- when a sync first found that the API does not have it any more
) STRICT;

-- Each name a droplet was seen with.
CREATE TABLE droplet_names (
    droplet_id     INTEGER NOT NULL REFERENCES droplets (id),
    name           TEXT    NOT NULL,
    first_seen_at  TEXT    NOT NULL,
    PRIMARY KEY (droplet_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX droplet_names_by_name ON droplet_names (name);

-- Actions that a droplet's own listing showed although their resource says something else, or nothing.
CREATE TABLE droplet_listed_actions (
    droplet_id  INTEGER NOT NULL,
    action_id   INTEGER NOT NULL REFERENCES actions (id),
    PRIMARY KEY (droplet_id, action_id)
) STRICT, WITHOUT ROWID;

-- A paged list at the API, and what it said of its own length.
CREATE TABLE listings (
    id              INTEGER PRIMARY KEY,
    path            TEXT    NOT NULL UNIQUE,  -- /v2/actions or /v2/droplets/{id}/actions
    droplet_id      INTEGER,                  -- NULL: the account's listing
    total           INTEGER,                  -- the last meta.total that was believed
    complete_total  INTEGER,                  -- how many, from the oldest, a sync has proven to be archived
    complete_at     TEXT                      -- when that was
) STRICT;

-- Which positions of a listing are archived. Positions count from the oldest action, starting at 0, so what
-- arrives later never moves them. Written in the same transaction as the rows it vouches for.
CREATE TABLE coverage (
    listing_id      INTEGER NOT NULL REFERENCES listings (id),
    start_position  INTEGER NOT NULL,
    end_position    INTEGER NOT NULL,      -- exclusive
    PRIMARY KEY (listing_id, start_position),
    CHECK (0 <= start_position AND start_position < end_position)
) STRICT, WITHOUT ROWID;

-- Every action of every droplet, under the droplet's id: by its resource, or because the droplet listed it.
CREATE VIEW droplet_actions AS
SELECT resource_id AS droplet_id, id, status, type, started_at, completed_at,
       resource_id, resource_type, region_slug, extra
  FROM actions
 WHERE resource_type = 'droplet' AND resource_id IS NOT NULL
UNION ALL
SELECT listed.droplet_id, id, status, type, started_at, completed_at,
       resource_id, resource_type, region_slug, extra
  FROM droplet_listed_actions AS listed
  JOIN actions ON actions.id = listed.action_id
 WHERE actions.resource_type IS NOT 'droplet'         -- otherwise its resource says it by now
    OR actions.resource_id IS NOT listed.droplet_id;
