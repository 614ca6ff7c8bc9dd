-- Expiry that is announced 30, 7 and 1 days ahead (R9). `noticed_days` is the last notice of `noticed_expiry` that was given, or was not due any more
-- (0: the token had expired). An expiry that is another one has not been announced, however it came to be set.

ALTER TABLE tokens
    ADD COLUMN noticed_expiry timestamptz,
    ADD COLUMN noticed_days smallint CHECK (noticed_days IN (0, 1, 7, 30)),
    ADD CHECK ((noticed_expiry IS NULL) = (noticed_days IS NULL));

-- When the next notice is due; NULL: never. In UTC, where a day has 24 hours: so that it depends on its arguments only.
CREATE FUNCTION token_notice_at (expires_at timestamptz, noticed_expiry timestamptz, noticed_days smallint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (expires_at AT TIME ZONE 'UTC' - CASE
        WHEN noticed_expiry IS DISTINCT FROM expires_at THEN interval '30 days'
        WHEN noticed_days = 30 THEN interval '7 days'
        WHEN noticed_days = 7 THEN interval '1 day' END) AT TIME ZONE 'UTC';

-- What is due comes first; what never is, is not there.
CREATE INDEX tokens_notice ON tokens (token_notice_at (expires_at, noticed_expiry, noticed_days))
    WHERE status <> 3 AND token_notice_at (expires_at, noticed_expiry, noticed_days) IS NOT NULL;

GRANT UPDATE (noticed_expiry, noticed_days) ON tokens TO jeton_admin;
