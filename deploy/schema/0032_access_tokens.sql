-- Opaque access tokens: of clients that are set to them (R24). The value has 200 random bits and is kept as its SHA-256; it says its `day` too (common/token/value), so that one
-- partition is looked at. Nothing in a row ever changes: a token is revoked as a signed one is, by its id in revoked_jwts or by a generation (0028, 0030); its id is
-- half of the digest. Its account is its client's.
--
-- Partitions are days, counted from 1970 in UTC: what is in one has expired when that day begins. Who gives a token rounds the day of its expiry up: for lives of more
-- than two days to whole weeks, for more than two weeks to four weeks; so a year of lives is in few partitions, and a row is kept no longer than about as long again.

CREATE TABLE access_tokens (
    generation   bigint NOT NULL,                           -- of account, client and whom it stands for together (0030_jwt_generations.sql)
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    day          integer NOT NULL,
    client       integer NOT NULL,                          -- numbers; without REFERENCES, as partitions would have to be made and dropped under locks of those tables
    customer     integer NOT NULL DEFAULT 0,                -- whom it stands for; 0: nobody, or
    owner        integer NOT NULL DEFAULT 0,                -- a user
    environment  smallint NOT NULL CHECK (environment BETWEEN 1 AND 2),
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    scope        text COLLATE "C" NOT NULL CHECK (length(scope) <= 4096),  -- as it was granted
    CHECK (customer = 0 OR owner = 0),
    CHECK (expires_at <= to_timestamp (day::bigint * 86400)),
    PRIMARY KEY (digest, day)
) PARTITION BY LIST (day);

-- Make the partitions that tokens may be given for until a week from now. How many were made? Nothing is read for that, nor does anybody wait.
CREATE FUNCTION access_partitions_ahead () RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    today  integer := floor (extract (epoch FROM now ()) / 86400);
    part   integer;
    made   integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock (7238601947) THEN
        RETURN 0;
    END IF;
    FOR part IN SELECT d FROM generate_series (today + 1, today + 7 + 366 + 28) d
        WHERE d <= today + 7 + 3 OR (d <= today + 7 + 15 + 7 AND d % 7 = 0) OR d % 28 = 0 LOOP
        IF to_regclass (format ('public.access_tokens_%s', part)) IS NULL THEN
            EXECUTE format ('CREATE TABLE public.access_tokens_%s (LIKE public.access_tokens INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
            EXECUTE format ('ALTER TABLE public.access_tokens ATTACH PARTITION public.access_tokens_%s FOR VALUES IN (%s)', part, part);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

-- Drop the partitions whose day is over, by this clock and by the caller's: a clock that is ahead alone drops nothing. How many were dropped? Whoever looks up a token waits
-- meanwhile, so a lock that is not had at once is left for the next time.
CREATE FUNCTION access_partitions_drop (callers_day integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    today    integer := least (floor (extract (epoch FROM now ()) / 86400)::integer, callers_day);
    part     text;
    dropped  integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock (7238601947) THEN
        RETURN 0;
    END IF;
    -- The day is read out of names of partitions only, one after the other: a condition of the query might look at those of other relations first, which have no number.
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.access_tokens'::regclass LOOP
        CONTINUE WHEN substr (part, length ('access_tokens_') + 1)::integer >= today;
        BEGIN
            EXECUTE format ('DROP TABLE public.%I', part);
        EXCEPTION WHEN lock_not_available THEN
            RETURN dropped;
        END;
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION access_partitions_ahead (), access_partitions_drop (integer) FROM PUBLIC;
SELECT access_partitions_ahead ();

GRANT EXECUTE ON FUNCTION access_partitions_ahead (), access_partitions_drop (integer) TO jeton_auditor;
GRANT SELECT (digest, day, client, expires_at), INSERT ON access_tokens TO jeton_issuer;
GRANT SELECT ON access_tokens TO jeton_validator;
