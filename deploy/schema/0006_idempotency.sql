-- Replies of changes that were asked for with an idempotency key, for whoever repeats the call. Written by the statement that makes the change;
-- removed by jeton-admin after a day, in batches.
CREATE TABLE idempotency_keys (
    key         bytea PRIMARY KEY CHECK (length(key) = 32),  -- SHA-256 of whose key it is, and the key
    method      text NOT NULL,
    -- SHA-256 of the request, and the packed reply; sealed under a key outside the database (it may hold a token's value or tell of a password);
    -- context "idempotency-key " || hexadecimal key || " " || method
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

GRANT SELECT, INSERT, DELETE ON idempotency_keys TO jeton_admin;
