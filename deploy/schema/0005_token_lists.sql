-- The orders in which an account's tokens are listed (R31); (account, number) is there. Pages go on after the last row's values, which the index
-- finds at once: there is no NULL in them.

CREATE INDEX tokens_by_name ON tokens (account, (lower (name) COLLATE "C"), number) WHERE status <> 3;
CREATE INDEX tokens_by_access ON tokens (account, coalesce (last_access_at, '-infinity'), number) WHERE status <> 3;
CREATE INDEX tokens_by_expiry ON tokens (account, coalesce (expires_at, 'infinity'), number) WHERE status <> 3;
