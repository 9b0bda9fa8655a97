-- see: note how a trunk is now, in place of what was noted before
INSERT INTO trunk_sightings
      (name, up, reason, live_calls, round_trip_ms, last_options_at, last_options_status, seen_at,
       destinations, open_destinations, waiting, placed, failed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    up = excluded.up, reason = excluded.reason, live_calls = excluded.live_calls,
    round_trip_ms = excluded.round_trip_ms, last_options_at = excluded.last_options_at,
    last_options_status = excluded.last_options_status, seen_at = excluded.seen_at,
    destinations = excluded.destinations, open_destinations = excluded.open_destinations,
    waiting = excluded.waiting, placed = excluded.placed, failed = excluded.failed;

-- forget: drop what was noted before a time, of trunks that are configured no more
DELETE FROM trunk_sightings WHERE seen_at < ?;

-- forget_all: drop what was noted of all trunks
DELETE FROM trunk_sightings;

-- seen: how every trunk was last seen
SELECT name, up, reason, live_calls, round_trip_ms, last_options_at, last_options_status, seen_at,
       destinations, open_destinations, waiting, placed, failed
FROM trunk_sightings ORDER BY name;
