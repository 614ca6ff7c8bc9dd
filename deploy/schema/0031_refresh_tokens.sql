-- Refresh tokens (R17-R19). A family is what one sign-in has led to: exactly one of its tokens is good, which its row names, so that no two can be. The others have been used.

CREATE TABLE refresh_families (
    number             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account            bigint NOT NULL REFERENCES accounts,
    client             bigint NOT NULL REFERENCES clients,
    customer           bigint NOT NULL REFERENCES customers,   -- who signed in
    environment        smallint NOT NULL CHECK (environment BETWEEN 1 AND 2),
    scope              text COLLATE "C" NOT NULL CHECK (length(scope) <= 4096),  -- as it was granted first: the most that there is
    generation         bigint NOT NULL,                        -- of account, client and customer together: higher ones end it (0030_jwt_generations.sql)
    live               bytea NOT NULL CHECK (length(live) = 32),  -- SHA-256 of the token that is good
    expires_at         timestamptz NOT NULL,                   -- of that
    jti                text NOT NULL CHECK (length(jti) BETWEEN 1 AND 256),  -- of the access token that came with it
    access_expires_at  timestamptz NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    revoked_at         timestamptz
);
CREATE INDEX refresh_families_expired ON refresh_families (expires_at);

-- A value has 256 random bits: its digest needs no salt.
CREATE TABLE refresh_tokens (
    digest             bytea PRIMARY KEY CHECK (length(digest) = 32),
    family             bigint NOT NULL REFERENCES refresh_families ON DELETE CASCADE,
    jti                text NOT NULL CHECK (length(jti) BETWEEN 1 AND 256),
    access_expires_at  timestamptz NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    expires_at         timestamptz NOT NULL,
    used_at            timestamptz,
    reply              bytea,  -- what its use was answered with, sealed; NULL soon after
    CHECK (reply IS NULL OR used_at IS NOT NULL)
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family, created_at);
CREATE INDEX refresh_tokens_expired ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_reply ON refresh_tokens (used_at) WHERE reply IS NOT NULL;

GRANT SELECT, INSERT ON refresh_families, refresh_tokens TO jeton_issuer;
GRANT UPDATE (live, expires_at, jti, access_expires_at, revoked_at) ON refresh_families TO jeton_issuer;
GRANT UPDATE (used_at, reply) ON refresh_tokens TO jeton_issuer;
GRANT SELECT (number, expires_at), DELETE ON refresh_families TO jeton_auditor;
GRANT SELECT (digest, expires_at), DELETE ON refresh_tokens TO jeton_auditor;
