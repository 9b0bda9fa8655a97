-- Whether the disk ended a recording before its call: the call names it no more than a purged one.

ALTER TABLE recordings ADD COLUMN cut_short INTEGER GENERATED ALWAYS AS (json_extract(facts, '$.cut_short')) VIRTUAL;
