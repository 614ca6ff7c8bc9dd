-- Admin and auditor check login tokens, and read who a user is and may do (R34).
GRANT SELECT (kid, public_key, state, created_at, retired_at) ON signing_keys TO jeton_admin, jeton_auditor;
GRANT SELECT (number, account, username, role, status) ON users TO jeton_auditor;
GRANT SELECT (number, status) ON accounts TO jeton_auditor;
