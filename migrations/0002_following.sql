-- Droplets are followed through the account's listing, and the archive knows whose it is.

-- Of a droplet's listing: all its actions are archived up to where the account's listing had this length. From that
-- position on the account's listing shows what is new of the droplet. NULL: its own listing has to be read.
ALTER TABLE listings ADD COLUMN followed_from INTEGER;

-- Completed actions that were listed without the time they ended (digitalocean/api-v2 issue 199): asked for by id, once.
CREATE INDEX actions_without_end ON actions (id) WHERE status = 'completed' AND completed_at IS NULL;

-- Those that the API did not tell the end of when asked by id either.
CREATE TABLE actions_asked_for (
    action_id  INTEGER PRIMARY KEY REFERENCES actions (id)
) STRICT;

-- The account whose history this is, so that another account's token cannot mix two histories.
CREATE TABLE account (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),  -- one account per archive
    uuid               TEXT,           -- NULL: no token so far was allowed to read it
    token_salt         TEXT NOT NULL,  -- random, hexadecimal
    token_fingerprint  TEXT,           -- of the last token that was checked: a salted, shortened hash, not the token
    actions_refused_at TEXT            -- when that token was last refused /v2/actions; NULL: it may read it
) STRICT;

-- Which droplets listed an action, asked the other way round.
CREATE INDEX droplet_listed_actions_by_action ON droplet_listed_actions (action_id);
