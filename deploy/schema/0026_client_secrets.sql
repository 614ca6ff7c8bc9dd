-- Clients get tokens (R17): their secrets, and what their tokens may reach.

-- Secrets are of 256 random bits: their digest needs no salt. Two are valid while one takes the other's place.
ALTER TABLE clients
    ADD scopes             text[] NOT NULL DEFAULT '{}' CHECK (cardinality(scopes) <= 64),  -- module:orders:read
    ADD secret_digest      bytea CHECK (length(secret_digest) = 32),      -- SHA-256; NULL: it has none
    ADD secret_made_at     timestamptz,
    ADD old_secret_digest  bytea CHECK (length(old_secret_digest) = 32),  -- the one before
    ADD secret_grace_until timestamptz,                                   -- until when that is accepted
    ADD CHECK (kind <> 1 OR secret_digest IS NULL),
    ADD CHECK (secret_digest IS NOT NULL OR old_secret_digest IS NULL);

GRANT UPDATE (scopes, secret_digest, secret_made_at, old_secret_digest, secret_grace_until) ON clients TO jeton_admin;
GRANT SELECT (number, account, name, kind, market, access_token_life_s, token_format, status, revision, scopes, secret_digest, old_secret_digest,
    secret_grace_until) ON clients TO jeton_issuer;
GRANT SELECT (number, account, market, status, scopes) ON clients TO jeton_validator;
