-- Customers get tokens by their password (R15, R17).

GRANT SELECT (number, account, email, customer_group, password_hash, status, revision) ON customers TO jeton_issuer;
GRANT SELECT (number, account, customer_group, status) ON customers TO jeton_validator;
