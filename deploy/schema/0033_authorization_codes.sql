-- Authorization codes (R17; RFC 6749 section 4.1, RFC 7636), and refresh tokens of web applications that act for a user.

-- Only those that nobody has used yet: who uses one deletes its row, and so there is one at most. A value has 256 random bits: its digest needs no salt.
CREATE TABLE authorization_codes (
    digest         bytea PRIMARY KEY CHECK (length(digest) = 32),  -- SHA-256
    account        bigint NOT NULL REFERENCES accounts,
    client         bigint NOT NULL REFERENCES clients,
    owner          bigint NOT NULL REFERENCES users,                -- who consented
    environment    smallint NOT NULL CHECK (environment BETWEEN 1 AND 2),
    scope          text COLLATE "C" NOT NULL CHECK (length(scope) <= 4096),
    redirect_uri   text COLLATE "C" NOT NULL CHECK (length(redirect_uri) BETWEEN 1 AND 2048),
    challenge      text COLLATE "C" NOT NULL CHECK (length(challenge) = 43),  -- by S256
    generation     bigint NOT NULL,  -- of account, client and user together: higher ones end it (0030_jwt_generations.sql)
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL
);
CREATE INDEX authorization_codes_expired ON authorization_codes (expires_at);

-- A family stands on a customer who signed in, or on a user who consented: then it knows the code that it began with, and no code begins two.
ALTER TABLE refresh_families
    ALTER customer DROP NOT NULL,
    ADD owner bigint REFERENCES users,
    ADD code  bytea CHECK (length(code) = 32),
    ADD CHECK ((customer IS NULL) <> (owner IS NULL)),
    ADD CHECK ((owner IS NULL) = (code IS NULL));
CREATE UNIQUE INDEX refresh_families_code ON refresh_families (code) WHERE code IS NOT NULL;

GRANT SELECT, INSERT, DELETE ON authorization_codes TO jeton_issuer;
GRANT SELECT (digest, expires_at), DELETE ON authorization_codes TO jeton_auditor;
GRANT SELECT (redirect_uris) ON clients TO jeton_issuer;
