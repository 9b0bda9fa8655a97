-- What an operator sets an organisation: whether it may call, how many calls at once, and by which numbers.

ALTER TABLE organisations ADD COLUMN suspended_at         INTEGER;
ALTER TABLE organisations ADD COLUMN max_concurrent_calls INTEGER CHECK (max_concurrent_calls > 0);

CREATE TABLE organisation_numbers (
    org_id TEXT NOT NULL REFERENCES organisations (org_id),
    number TEXT NOT NULL CHECK (number <> ''),
    PRIMARY KEY (org_id, number)
) STRICT, WITHOUT ROWID;
