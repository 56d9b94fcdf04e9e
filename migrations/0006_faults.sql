-- How well the network and the API served a sync.

-- Requests that came to nothing through the network or the server: no connection, an answer that broke off,
-- stalled or cannot be read, 408, or 5xx. A 429 is none, since it is an instruction, nor is a refusal. 0 for earlier
-- syncs.
ALTER TABLE sync_runs ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;
