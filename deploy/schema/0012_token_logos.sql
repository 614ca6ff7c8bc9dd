-- Logos of tokens (R35), one at most for each. A table of their own: nothing else reads their bytes. A deleted token has none.

CREATE TABLE token_logos (
    token        bigint PRIMARY KEY,
    account      bigint NOT NULL,
    content_type text NOT NULL CHECK (content_type IN ('image/png', 'image/jpeg', 'image/webp')),
    digest       bytea NOT NULL CHECK (digest = sha256 (data)),
    data         bytea NOT NULL CHECK (length (data) BETWEEN 1 AND 262144),
    FOREIGN KEY (account, token) REFERENCES tokens (account, number)
);
-- They are compressed already.
ALTER TABLE token_logos ALTER COLUMN data SET STORAGE EXTERNAL;

GRANT SELECT, INSERT, DELETE ON token_logos TO jeton_admin;
GRANT UPDATE (content_type, digest, data) ON token_logos TO jeton_admin;
