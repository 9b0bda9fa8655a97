-- The loudest of each stretch of a recording, for a drawing of it: sealed where the recording is, gone when it is
-- purged. Apart from the other facts: lists need none of it. A recording made before has none.

CREATE TABLE recording_peaks (
    call_id TEXT NOT NULL PRIMARY KEY REFERENCES recordings (call_id),
    peaks   BLOB NOT NULL CHECK (length(peaks) BETWEEN 1 AND 4096)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER purged_recording_loses_peaks AFTER UPDATE OF purged_at ON recordings WHEN NEW.purged_at IS NOT NULL
BEGIN
    DELETE FROM recording_peaks WHERE call_id = NEW.call_id;
END;
