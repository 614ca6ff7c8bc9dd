-- Values that can be shown again (R8): sealed under a key outside the database, with the token's id as context ("token-value TKN-…"). NULL: not
-- revealable, or deleted.

ALTER TABLE tokens ADD COLUMN sealed_value bytea,
    ADD CHECK (sealed_value IS NULL OR (length (sealed_value) > 32 AND status <> 3));
CREATE INDEX tokens_sealed ON tokens (number) WHERE sealed_value IS NOT NULL;

GRANT UPDATE (sealed_value) ON tokens TO jeton_admin;
