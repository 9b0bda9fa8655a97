-- What an endpoint answered to an attempt, the beginning of it, for whoever looks for what is wrong there.

ALTER TABLE delivery_attempts ADD COLUMN reply TEXT CHECK (json_type(reply) = 'object');
