-- Validators fill their memory with the tokens that were used last when they start.

CREATE INDEX tokens_recent ON tokens (last_access_at DESC) WHERE status <> 3 AND last_access_at IS NOT NULL;

GRANT SELECT (last_access_at) ON tokens TO jeton_validator;
GRANT SELECT (token, last_second) ON token_use TO jeton_validator;
