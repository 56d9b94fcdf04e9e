-- A history belongs to a team, and actions in progress are asked for the less often the longer they take.

-- The team that owns the droplets and actions. NULL: not known, or the account has no team.
ALTER TABLE account ADD COLUMN team_uuid TEXT;

-- When the API was last asked for an action that was in progress. NULL: it had completed, and its end is not told.
ALTER TABLE actions_asked_for ADD COLUMN asked_at TEXT;
