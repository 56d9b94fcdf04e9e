-- Actions also come from files: old dumps, saved answers of the API, and other archives.

-- One row per file that was imported. A file that was imported before and says nothing new adds none.
CREATE TABLE imports (
    id           INTEGER PRIMARY KEY,
    path         TEXT    NOT NULL,  -- as it was given; '-' is stdin
    kind         TEXT    NOT NULL,  -- list (a JSON array), answers (of the API), lines (an object each) or archive
    sha256       TEXT,              -- of the file; NULL: it was not read to its end
    started_at   TEXT    NOT NULL,
    finished_at  TEXT,              -- NULL: still running, or killed
    rows_read    INTEGER NOT NULL DEFAULT 0,
    inserted     INTEGER NOT NULL DEFAULT 0,  -- actions that are new in the archive
    updated      INTEGER NOT NULL DEFAULT 0,  -- actions about which something more became known
    unchanged    INTEGER NOT NULL DEFAULT 0,  -- actions with nothing new in them
    refused      INTEGER NOT NULL DEFAULT 0,  -- rows that are no actions
    message      TEXT,              -- what is missing, in words; NULL when complete
    version      TEXT    NOT NULL   -- of archiver
) STRICT;

-- NULL while no sync has seen the action: only a file that was imported knows it.
ALTER TABLE actions ALTER COLUMN first_seen_run DROP NOT NULL;

-- The import that archived it, if no sync did before.
ALTER TABLE actions ADD COLUMN first_seen_import INTEGER REFERENCES imports (id);

-- Actions that only imports know.
CREATE INDEX actions_only_imported ON actions (first_seen_import) WHERE first_seen_run IS NULL;
