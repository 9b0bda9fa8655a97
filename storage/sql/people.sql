-- add: somebody new
INSERT INTO people (person_id, email, name, password_hash, operator, totp_sealed, totp_confirmed_at, totp_step,
                    created_at, disabled_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- person: one by the id
SELECT person_id, email, name, password_hash, operator, totp_sealed, totp_confirmed_at, totp_step, created_at,
       disabled_at
FROM people WHERE person_id = ?;

-- by_email: one by the mail address
SELECT person_id, email, name, password_hash, operator, totp_sealed, totp_confirmed_at, totp_step, created_at,
       disabled_at
FROM people WHERE email = ?;

-- everyone: a page of all people
SELECT person_id, email, name, password_hash, operator, totp_sealed, totp_confirmed_at, totp_step, created_at,
       disabled_at
FROM people ORDER BY email LIMIT ? OFFSET ?;

-- count: how many there are
SELECT count(*) FROM people;

-- set_password: a new hash
UPDATE people SET password_hash = :password_hash WHERE person_id = :person_id;

-- set_operator: above every organisation, or no more
UPDATE people SET operator = :operator WHERE person_id = :person_id;

-- count_operators: how many operators can sign in
SELECT count(*) FROM people WHERE operator = 1 AND disabled_at IS NULL;

-- set_totp: a second factor that is still to be confirmed
UPDATE people SET totp_sealed = :sealed, totp_confirmed_at = NULL, totp_step = 0 WHERE person_id = :person_id;

-- confirm_totp: it is asked for from now on
UPDATE people SET totp_confirmed_at = :at WHERE person_id = :person_id AND totp_sealed IS NOT NULL;

-- clear_totp: no second factor any more
UPDATE people SET totp_sealed = NULL, totp_confirmed_at = NULL, totp_step = 0 WHERE person_id = :person_id;

-- factors: second factors as they are sealed, in the order of the person ids that follow one
SELECT person_id, totp_sealed FROM people WHERE totp_sealed IS NOT NULL AND person_id > ? ORDER BY person_id LIMIT ?;

-- replace_factor: the same second factor, sealed anew
UPDATE people SET totp_sealed = :sealed WHERE person_id = :person_id AND totp_sealed = :replaced;

-- use_totp_step: each code counts once
UPDATE people SET totp_step = :step WHERE person_id = :person_id AND totp_step < :step;

-- disable: cannot sign in; the first time stands
UPDATE people SET disabled_at = coalesce(disabled_at, :at) WHERE person_id = :person_id;

-- enable: can sign in again
UPDATE people SET disabled_at = NULL WHERE person_id = :person_id;

-- erase: what is personal of somebody who has left
UPDATE people
SET email = person_id || '@removed.invalid', name = '', password_hash = NULL, operator = 0, totp_sealed = NULL,
    totp_confirmed_at = NULL, totp_step = 0, disabled_at = coalesce(disabled_at, :at)
WHERE person_id = :person_id;

-- set_member: a role in an organisation
INSERT INTO memberships (org_id, person_id, role, created_at) VALUES (:org_id, :person_id, :role, :at)
ON CONFLICT (org_id, person_id) DO UPDATE SET role = excluded.role;

-- remove_member: no role there any more
DELETE FROM memberships WHERE org_id = ? AND person_id = ?;

-- leave_all: no role anywhere any more
DELETE FROM memberships WHERE person_id = ?;

-- members: who has a role in an organisation
SELECT m.org_id, m.role, m.created_at, p.person_id, p.email, p.name, p.password_hash, p.operator, p.totp_sealed,
       p.totp_confirmed_at, p.totp_step, p.created_at, p.disabled_at
FROM memberships m JOIN people p ON p.person_id = m.person_id
WHERE m.org_id = ? ORDER BY p.email;

-- count_members: how many have a role in an organisation
SELECT count(*) FROM memberships WHERE org_id = ?;

-- memberships: where somebody has a role, the oldest first
SELECT org_id, person_id, role, created_at FROM memberships WHERE person_id = ? ORDER BY created_at, org_id;

-- membership: somebody's role in an organisation
SELECT org_id, person_id, role, created_at FROM memberships WHERE org_id = ? AND person_id = ?;
