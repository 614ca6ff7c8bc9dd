-- A signing key that has leaked is revoked (4): validators refuse what it signed, and the JWKS does not show it.
ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_state_check;
ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_state_check CHECK (state BETWEEN 1 AND 4);
