-- Prefixes of imported values can be removed again, once no token has such a value any more. What has let go of its prefix has NULL there.
CREATE INDEX tokens_prefix ON tokens (prefix) WHERE prefix IS NOT NULL;
GRANT DELETE ON foreign_prefixes TO jeton_admin;
GRANT UPDATE (prefix) ON tokens TO jeton_admin;
