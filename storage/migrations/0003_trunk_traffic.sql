-- What a trunk carries: its destinations, the INVITEs that wait for their turn, those sent and those that failed.

ALTER TABLE trunk_sightings ADD COLUMN destinations      INTEGER NOT NULL DEFAULT 0 CHECK (destinations >= 0);
ALTER TABLE trunk_sightings ADD COLUMN open_destinations INTEGER NOT NULL DEFAULT 0 CHECK (open_destinations >= 0);
ALTER TABLE trunk_sightings ADD COLUMN waiting           INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0);
ALTER TABLE trunk_sightings ADD COLUMN placed            INTEGER NOT NULL DEFAULT 0 CHECK (placed >= 0);
ALTER TABLE trunk_sightings ADD COLUMN failed            INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0);
