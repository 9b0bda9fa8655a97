-- The calls of a party under a reference that very many calls have, such as a campaign's, are told apart without
-- touching the table.

DROP INDEX cdrs_by_reference;
CREATE INDEX cdrs_by_reference
    ON cdrs (org_id, reference, listed_at, call_id, status, masked_number, party_a, party_b)
    WHERE reference IS NOT NULL;
