-- Where tokens may be used from, and how often (R10); grants that can be edited.

ALTER TABLE tokens
    ADD COLUMN allow_list cidr[] NOT NULL DEFAULT '{}' CHECK (cardinality (allow_list) <= 64),
    ADD COLUMN rate_per_minute integer CHECK (rate_per_minute BETWEEN 1 AND 6000000),
    ADD COLUMN rate_burst integer CHECK (rate_burst BETWEEN 1 AND 6000000),
    ADD CHECK ((rate_per_minute IS NULL) = (rate_burst IS NULL));

GRANT UPDATE (allow_list, rate_per_minute, rate_burst) ON tokens TO jeton_admin;
GRANT UPDATE (access), DELETE ON token_modules TO jeton_admin;

GRANT SELECT (allow_list) ON tokens TO jeton_validator;
