-- How long an action usually takes is asked about single actions and about the slow ones. Without this index both would
-- read, and sort, all actions of a type.
CREATE INDEX actions_by_duration
    ON actions (type, resource_type, strftime('%s', completed_at) - strftime('%s', started_at))
 WHERE status = 'completed' AND completed_at >= started_at;
