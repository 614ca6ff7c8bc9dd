-- All signed tokens of an account, a client, a user or a customer are revoked at once (R25): their generation rises, and tokens say which one they are of. No row: 0.

CREATE TABLE jwt_generations (
    account     bigint NOT NULL REFERENCES accounts,
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),  -- 1 account, 2 client, 3 user, 4 customer
    number      bigint NOT NULL,                                 -- of it
    generation  bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
    revoked_at  timestamptz NOT NULL DEFAULT now(),              -- the last time
    PRIMARY KEY (account, kind, number)
);

GRANT SELECT, INSERT ON jwt_generations TO jeton_admin;
GRANT UPDATE (generation, revoked_at) ON jwt_generations TO jeton_admin;
GRANT SELECT (account, kind, number, generation) ON jwt_generations TO jeton_issuer, jeton_validator, jeton_auditor;
GRANT SELECT, INSERT ON revoked_jwts TO jeton_admin;
GRANT UPDATE (expires_at) ON revoked_jwts TO jeton_admin;
