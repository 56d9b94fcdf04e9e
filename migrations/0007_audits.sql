-- What was archived long ago is read again, a page at a time, so that no loss stays for good.

-- Of a listing: since when each of its first complete_total actions has been seen at the API. NULL: not known.
ALTER TABLE listings ADD COLUMN proven_since TEXT;

-- The round of reading it again that is under way: the position it goes on from, and when it began.
ALTER TABLE listings ADD COLUMN audit_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE listings ADD COLUMN audit_began_at TEXT;

-- When a page of it was last read again.
ALTER TABLE listings ADD COLUMN audited_at TEXT;

-- The listing of a droplet, found without reading those of all others.
CREATE INDEX listings_by_droplet ON listings (droplet_id);
