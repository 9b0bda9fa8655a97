-- What became of an organisation's finished calls in each hour of India, so that plots and counts over months read a
-- row an hour and not a row a call. `hour`: whole hours since 1970-01-01 00:00 in India, half an hour off UTC's.

CREATE TABLE call_hours (
    org_id     TEXT    NOT NULL REFERENCES organisations (org_id),
    test       INTEGER NOT NULL CHECK (test IN (0, 1)),
    hour       INTEGER NOT NULL,
    completed  INTEGER NOT NULL CHECK (completed >= 0),
    failed     INTEGER NOT NULL CHECK (failed >= 0),
    no_answer  INTEGER NOT NULL CHECK (no_answer >= 0),
    billed_s   INTEGER NOT NULL CHECK (billed_s >= 0),
    cost_paise INTEGER NOT NULL CHECK (cost_paise >= 0),
    PRIMARY KEY (org_id, test, hour)
) STRICT, WITHOUT ROWID;

INSERT INTO call_hours (org_id, test, hour, completed, failed, no_answer, billed_s, cost_paise)
SELECT org_id, masked_number = '910000000000', (listed_at + 19800000) / 3600000,
       sum(status = 'completed'), sum(status = 'failed'), sum(status = 'no-answer'),
       coalesce(sum(bill_duration_s), 0), coalesce(sum(price_paise), 0)
FROM cdrs GROUP BY 1, 2, 3;

CREATE TRIGGER cdr_counts_in_its_hour AFTER INSERT ON cdrs
BEGIN
    INSERT INTO call_hours (org_id, test, hour, completed, failed, no_answer, billed_s, cost_paise)
    VALUES (NEW.org_id, NEW.masked_number = '910000000000', (NEW.listed_at + 19800000) / 3600000,
            NEW.status = 'completed', NEW.status = 'failed', NEW.status = 'no-answer',
            coalesce(NEW.bill_duration_s, 0), coalesce(NEW.price_paise, 0))
    ON CONFLICT (org_id, test, hour) DO UPDATE SET
        completed = completed + excluded.completed, failed = failed + excluded.failed,
        no_answer = no_answer + excluded.no_answer, billed_s = billed_s + excluded.billed_s,
        cost_paise = cost_paise + excluded.cost_paise;
END;
