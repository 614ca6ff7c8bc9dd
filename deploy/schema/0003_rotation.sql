-- Values that are rotated (R9): the one before is kept as its digest, and accepted until its grace period is over. It stays afterwards, so that its
-- use is told from that of a value that never was.

ALTER TABLE tokens
    ADD COLUMN old_digest bytea CHECK (length (old_digest) = 32),
    ADD COLUMN grace_until timestamptz,
    ADD COLUMN last_rotated_at timestamptz,
    ADD CHECK ((old_digest IS NULL) = (grace_until IS NULL)),
    ADD CHECK ((old_digest IS NULL) = (last_rotated_at IS NULL));

CREATE UNIQUE INDEX tokens_old_digest ON tokens (old_digest) WHERE old_digest IS NOT NULL;

GRANT UPDATE (digest, old_digest, grace_until, last_rotated_at) ON tokens TO jeton_admin;
GRANT SELECT (old_digest, grace_until) ON tokens TO jeton_validator;
