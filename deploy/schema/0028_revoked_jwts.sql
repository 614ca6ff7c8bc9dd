-- Tokens that were revoked before they expire (R25): they are signed, and have no row of their own. A row is deleted when its token has expired, and an hour more has passed, as
-- clocks differ. Nobody's revocation concerns another account's tokens, whatever `jti` it names.

CREATE TABLE revoked_jwts (
    account     bigint NOT NULL REFERENCES accounts,
    jti         text NOT NULL CHECK (length(jti) BETWEEN 1 AND 256),
    expires_at  timestamptz NOT NULL,                    -- of the token, or later
    revoked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, jti)
);
CREATE INDEX revoked_jwts_expired ON revoked_jwts (expires_at);

GRANT SELECT, INSERT ON revoked_jwts TO jeton_issuer;
GRANT SELECT (account, jti) ON revoked_jwts TO jeton_validator;
GRANT SELECT (account, jti, expires_at), DELETE ON revoked_jwts TO jeton_auditor;
