-- add: one change
INSERT INTO audit_log (at, actor_kind, actor_id, actor_name, org_id, action, object_id, change, address)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- of_organisation: a page of an organisation's changes, newest first
SELECT at, actor_kind, actor_id, actor_name, address, org_id, action, object_id, change, entry_id
FROM audit_log WHERE org_id = ? ORDER BY entry_id DESC LIMIT ? OFFSET ?;

-- count_of_organisation: how many changes an organisation has
SELECT count(*) FROM audit_log WHERE org_id = ?;

-- of_all: a page of all changes, newest first
SELECT at, actor_kind, actor_id, actor_name, address, org_id, action, object_id, change, entry_id
FROM audit_log ORDER BY entry_id DESC LIMIT ? OFFSET ?;

-- count_of_all: how many changes there are
SELECT count(*) FROM audit_log;
