-- Validators read how often a token may be used (R30).

GRANT SELECT (rate_per_minute, rate_burst) ON tokens TO jeton_validator;
