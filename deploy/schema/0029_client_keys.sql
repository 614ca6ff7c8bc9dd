-- Clients that prove themselves with a key of their own (RFC 7523).

ALTER TABLE clients
    ADD jwks text CHECK (length(jwks) BETWEEN 1 AND 8192),  -- a JWK set of public keys; NULL: none
    ADD CHECK (kind <> 1 OR jwks IS NULL);

-- What was used to prove it, until it has expired: nothing proves it twice.
CREATE TABLE client_assertions (
    client      bigint NOT NULL,
    digest      bytea NOT NULL CHECK (length(digest) = 32),  -- SHA-256 of the jti
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (client, digest)
);
CREATE INDEX client_assertions_expires ON client_assertions (expires_at);

GRANT UPDATE (jwks) ON clients TO jeton_admin;
GRANT SELECT (jwks) ON clients TO jeton_issuer;
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON client_assertions TO jeton_issuer;
