-- How long recordings are kept, the keys of those that are sealed, and what is still to be done for those erased.

ALTER TABLE organisations ADD COLUMN retention_days INTEGER CHECK (retention_days BETWEEN 0 AND 36500);

ALTER TABLE recordings ADD COLUMN sealed_key TEXT CHECK (sealed_key <> '');
ALTER TABLE recordings ADD COLUMN purged_by  TEXT CHECK (purged_by IN ('retention', 'client', 'operator'));
ALTER TABLE recordings ADD COLUMN files_left INTEGER NOT NULL DEFAULT 0 CHECK (files_left IN (0, 1));

CREATE INDEX recordings_of_organisation ON recordings (org_id, created_at) WHERE purged_at IS NULL;
CREATE INDEX recordings_with_files_left ON recordings (call_id) WHERE files_left = 1;
DROP INDEX recordings_kept;
