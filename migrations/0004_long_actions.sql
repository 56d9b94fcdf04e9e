-- What would take a pass over all actions without an index of its own.

-- Actions that took an hour or longer: what overlaps a time started within the hour before it, or is one of these, or
-- has not ended. The id is in it for the order of answers, the rest so that what does not match is not looked up.
CREATE INDEX actions_long ON actions (started_at, id, completed_at, type)
 WHERE strftime('%s', completed_at) - strftime('%s', started_at) >= 3600;

-- What a sync archived, for all syncs but the first, which brings most of the history.
CREATE INDEX actions_by_later_run ON actions (first_seen_run) WHERE first_seen_run > 1;
