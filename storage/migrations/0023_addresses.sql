-- Where a customer is, as its invoices say.

ALTER TABLE organisations ADD COLUMN address TEXT CHECK (length(address) BETWEEN 1 AND 300);
