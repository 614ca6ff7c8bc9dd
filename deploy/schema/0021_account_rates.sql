-- How often the tokens of an account may be used, all together, and each base token that has no limit of its own (R30).

ALTER TABLE accounts
    ADD COLUMN rate_per_minute integer CHECK (rate_per_minute BETWEEN 1 AND 6000000),
    ADD COLUMN rate_burst integer CHECK (rate_burst BETWEEN 1 AND 6000000),
    ADD COLUMN base_rate_per_minute integer CHECK (base_rate_per_minute BETWEEN 1 AND 6000000),
    ADD COLUMN base_rate_burst integer CHECK (base_rate_burst BETWEEN 1 AND 6000000),
    ADD CHECK ((rate_per_minute IS NULL) = (rate_burst IS NULL)),
    ADD CHECK ((base_rate_per_minute IS NULL) = (base_rate_burst IS NULL));

GRANT UPDATE (rate_per_minute, rate_burst, base_rate_per_minute, base_rate_burst) ON accounts TO jeton_admin;
GRANT SELECT (rate_per_minute, rate_burst, base_rate_per_minute, base_rate_burst) ON accounts TO jeton_validator;
