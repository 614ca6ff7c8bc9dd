-- Tokens that come from another system: by the digests of their values, which begin in ways of their own.

-- What such values may begin with: validators read this, so that all other values that are not ours are refused without a query. Never what our own
-- values and JWTs begin with. Bounded by jeton-admin's setting foreign_prefixes.
CREATE TABLE foreign_prefixes (
    prefix      text PRIMARY KEY CHECK (prefix ~ '^[A-Za-z0-9][A-Za-z0-9._~+/=:-]{3,31}$' AND prefix !~ '^(jtn_|ey)'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What its imported value begins with; NULL: its values are ours.
ALTER TABLE tokens ADD COLUMN prefix text REFERENCES foreign_prefixes;

-- Each digest that was ever imported, so that a repeat finds it whatever has become of the token, and of its value, since.
CREATE TABLE token_imports (
    digest      bytea PRIMARY KEY CHECK (length (digest) = 32),
    line        bytea NOT NULL CHECK (length (line) = 32),  -- SHA-256 of all that was imported with it
    account     bigint NOT NULL,
    token       bigint NOT NULL,
    FOREIGN KEY (account, token) REFERENCES tokens (account, number)
);

GRANT SELECT, INSERT ON foreign_prefixes, token_imports TO jeton_admin;
GRANT SELECT (prefix) ON foreign_prefixes TO jeton_validator;
