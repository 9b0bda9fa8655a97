-- A party with many pairs, such as a hotline, had each of them read at every call back; they are had by their last use
-- now. And all of an organisation's pairs were read to count them, for every look at its totals: the count is kept, and
-- those in use are had by their last use, too.

DROP INDEX masking_sessions_by_low;
DROP INDEX masking_sessions_by_high;
CREATE INDEX masking_sessions_by_low ON masking_sessions (number, party_low, last_used_at);
CREATE INDEX masking_sessions_by_high ON masking_sessions (number, party_high, last_used_at);
CREATE INDEX masking_sessions_by_use ON masking_sessions (org_id, last_used_at, created_at);

CREATE TABLE organisation_pairs (
    org_id TEXT    NOT NULL PRIMARY KEY REFERENCES organisations (org_id),
    pairs  INTEGER NOT NULL CHECK (pairs >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO organisation_pairs (org_id, pairs) SELECT org_id, count(*) FROM masking_sessions GROUP BY org_id;

CREATE TRIGGER organisation_of_new_pair AFTER INSERT ON masking_sessions
BEGIN
    INSERT INTO organisation_pairs (org_id, pairs) VALUES (NEW.org_id, 1)
    ON CONFLICT (org_id) DO UPDATE SET pairs = pairs + 1;
END;

CREATE TRIGGER organisation_of_ended_pair AFTER DELETE ON masking_sessions
BEGIN
    UPDATE organisation_pairs SET pairs = pairs - 1 WHERE org_id = OLD.org_id;
END;
