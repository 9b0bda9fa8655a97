-- add: one change
INSERT INTO audit_log (at, actor_kind, actor_id, actor_name, org_id, action, object_id, change, address)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- of_organisation: a page of an organisation's changes that fit, newest first
SELECT at, actor_kind, actor_id, actor_name, address, org_id, action, object_id, change, entry_id
FROM audit_log
WHERE org_id = :org_id AND at >= :since AND at < :until
  AND (:action = '' OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:actor = '' OR actor_id = :actor OR instr(lower(actor_name), lower(:actor)) > 0)
ORDER BY entry_id DESC LIMIT :limit OFFSET :offset;

-- count_of_organisation: how many changes of an organisation fit
SELECT count(*) FROM audit_log
WHERE org_id = :org_id AND at >= :since AND at < :until
  AND (:action = '' OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:actor = '' OR actor_id = :actor OR instr(lower(actor_name), lower(:actor)) > 0);

-- of_all: a page of all changes that fit, newest first
SELECT at, actor_kind, actor_id, actor_name, address, org_id, action, object_id, change, entry_id
FROM audit_log
WHERE at >= :since AND at < :until
  AND (:action = '' OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:actor = '' OR actor_id = :actor OR instr(lower(actor_name), lower(:actor)) > 0)
ORDER BY entry_id DESC LIMIT :limit OFFSET :offset;

-- count_of_all: how many changes fit
SELECT count(*) FROM audit_log
WHERE at >= :since AND at < :until
  AND (:action = '' OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:actor = '' OR actor_id = :actor OR instr(lower(actor_name), lower(:actor)) > 0);
