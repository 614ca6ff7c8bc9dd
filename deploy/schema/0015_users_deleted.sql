-- Users that are deleted: status 3. The row stays, its user name is free for another, and no token that is not deleted has it for its owner: `live` is as in
-- 0004_resources.sql.

ALTER TABLE users DROP CONSTRAINT users_status_check;
ALTER TABLE users
    ADD COLUMN live boolean GENERATED ALWAYS AS (nullif(status <> 3, false)) STORED,
    ADD CHECK (status BETWEEN 1 AND 3),
    ADD CHECK (status <> 3 OR password_hash IS NULL),
    ADD UNIQUE (account, number, live);
DROP INDEX users_username;
CREATE UNIQUE INDEX users_username ON users (lower(username)) WHERE status <> 3;

ALTER TABLE tokens
    ADD COLUMN live boolean GENERATED ALWAYS AS (nullif(status <> 3, false)) STORED,
    ADD FOREIGN KEY (account, owner, live) REFERENCES users (account, number, live);
CREATE INDEX tokens_owner ON tokens (account, owner) WHERE owner IS NOT NULL;
