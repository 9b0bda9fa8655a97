-- add: a letter on its way, while there is room
INSERT INTO letters (letter_id, at, kind, recipient, subject, text, sealed)
SELECT :letter_id, :at, :kind, :recipient, :subject, :text, :sealed WHERE (SELECT count(*) FROM letters) < :room;

-- drop: one that has arrived, or was given up
DELETE FROM letters WHERE letter_id = ?;

-- waiting: all of them, oldest first
SELECT letter_id, at, kind, recipient, subject, text, sealed FROM letters ORDER BY at, letter_id;

-- sealed: what is secret in letters, in the order of the letter ids that follow one
SELECT letter_id, sealed FROM letters WHERE sealed IS NOT NULL AND letter_id > ? ORDER BY letter_id LIMIT ?;

-- replace_sealed: the same secret, sealed anew
UPDATE letters SET sealed = :sealed WHERE letter_id = :letter_id AND sealed = :replaced;
