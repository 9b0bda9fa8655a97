-- The calls of a party, or under a reference, are told by status and from test calls without touching the table: a
-- number that has many calls, such as a hotline's, would have each of them read for every page.

DROP INDEX cdrs_by_party_a;
DROP INDEX cdrs_by_party_b;
DROP INDEX cdrs_by_reference;
CREATE INDEX cdrs_by_party_a ON cdrs (org_id, party_a, listed_at, call_id, status, masked_number);
CREATE INDEX cdrs_by_party_b ON cdrs (org_id, party_b, listed_at, call_id, status, masked_number);
CREATE INDEX cdrs_by_reference ON cdrs (org_id, reference, listed_at, call_id, status, masked_number)
    WHERE reference IS NOT NULL;
