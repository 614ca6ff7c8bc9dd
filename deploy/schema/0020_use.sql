-- The log of use (R39-R41): every validation that was answered, allowed or denied, in rows with a count.
--
-- Rows are numbered in the order in which they were committed, without a gap that anybody could wait for: whoever inserts holds the row of use_head until it
-- commits. So a tail or a fold that has read up to a number has read everything up to it.

CREATE TABLE use_head (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    last    bigint NOT NULL  -- the number of the last row
);
INSERT INTO use_head (last) VALUES (0);

-- The last segment of each source that was taken: those up to it are known, and are skipped. A source is one run of a process.
CREATE TABLE use_sources (
    source    bytea PRIMARY KEY CHECK (length(source) = 16),
    sequence  bigint NOT NULL,
    taken_at  timestamptz NOT NULL
);

CREATE TABLE use_log (
    id           bigint NOT NULL,
    second       bigint NOT NULL,    -- since the epoch, by the clock of who counted
    count        bigint NOT NULL CHECK (count > 0),
    account      bigint NOT NULL,    -- numbers; 0: none, or not known
    token        bigint NOT NULL,
    "user"       bigint NOT NULL,
    jti          text COLLATE "C",   -- of a JWT
    module       text NOT NULL,
    peer         text NOT NULL,      -- who asked
    address      inet,               -- of the end client
    access       smallint NOT NULL,  -- numbers of enums of proto/
    environment  smallint NOT NULL,
    decision     smallint NOT NULL,
    reason       smallint NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX use_log_second ON use_log (second, id);
CREATE INDEX use_log_account ON use_log (account, second, id) WHERE account <> 0;
CREATE INDEX use_log_token ON use_log (token, second, id) WHERE token <> 0;
CREATE INDEX use_log_jti ON use_log (jti, second, id) WHERE jti IS NOT NULL;

-- How far the log is folded into what follows.
CREATE TABLE use_fold (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    folded  bigint NOT NULL
);
INSERT INTO use_fold (folded) VALUES (0);

CREATE TABLE use_days (
    token    bigint NOT NULL,
    day      integer NOT NULL,  -- since the epoch, UTC
    account  bigint NOT NULL,
    allowed  bigint NOT NULL,
    denied   bigint NOT NULL,
    PRIMARY KEY (token, day)
) WITH (fillfactor = 80);
CREATE INDEX use_days_account ON use_days (account, day, token);
CREATE INDEX use_days_day ON use_days (day, token);

-- When tokens were last used, as long as tokens.last_access_at does not say it.
CREATE TABLE token_use (
    token        bigint PRIMARY KEY,
    last_second  bigint NOT NULL
) WITH (fillfactor = 80);

-- ---- partitions -----------------------------------------------------------------------------------------------------
--
-- As those of the trail, they are ranges of numbers that are cut by time. Since numbers may be left out here, a partition has room for 2^40 of them, and the next one is made while it is
-- empty: ending one means that the numbers go on with the next. Nothing is read or locked for that.

INSERT INTO partitioned_tables VALUES ('use_log', 30);
INSERT INTO partitions (parent, name, first) VALUES ('use_log', 'use_log_1', 1);

-- Make the open partition and the next one, where they are missing.
CREATE FUNCTION use_partition_ahead () RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    low  bigint;
BEGIN
    SELECT first INTO STRICT low FROM public.partitions WHERE parent = 'use_log' AND closed_at IS NULL FOR UPDATE;
    FOR i IN 0 .. 1 LOOP
        IF to_regclass (format ('public.use_log_%s', low)) IS NULL THEN
            EXECUTE format ('CREATE TABLE public.use_log_%s (LIKE public.use_log INCLUDING CONSTRAINTS)', low);
            EXECUTE format ('ALTER TABLE public.use_log ATTACH PARTITION public.use_log_%s FOR VALUES FROM (%s) TO (%s)', low, low,
                            low + 1099511627776);
        END IF;
        low := low + 1099511627776;
    END LOOP;
END $$;

-- End the open partition when it has been open for so many days or has so many rows, if the next one is there. Did it?
CREATE FUNCTION use_partition_close (days integer, rows bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    part  public.partitions;
    after bigint;
    head  bigint;
BEGIN
    SELECT * INTO STRICT part FROM public.partitions WHERE parent = 'use_log' AND closed_at IS NULL FOR UPDATE;
    after := part.first + 1099511627776;
    SELECT last INTO STRICT head FROM public.use_head;
    IF to_regclass (format ('public.use_log_%s', after)) IS NULL OR head < part.first OR
        (part.opened_at > now () - make_interval (days => greatest (days, 1)) AND head - part.first + 1 < greatest (rows, 1)) THEN
        RETURN false;
    END IF;
    UPDATE public.use_head SET last = after - 1;
    UPDATE public.partitions SET next = after, closed_at = now () WHERE name = part.name;
    INSERT INTO public.partitions (parent, name, first) VALUES ('use_log', format ('use_log_%s', after), after);
    RETURN true;
END $$;

-- Drop the oldest partition, if it has been kept for long enough and is folded. Did it?
CREATE FUNCTION use_partition_drop (keep_days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    part  public.partitions;
    days  integer;
BEGIN
    SELECT greatest (keep_days, keep_days_min) INTO STRICT days FROM public.partitioned_tables WHERE name = 'use_log';
    SELECT * INTO part FROM public.partitions WHERE parent = 'use_log' ORDER BY first LIMIT 1 FOR UPDATE;
    IF keep_days <= 0 OR part.closed_at IS NULL OR part.closed_at > now () - make_interval (days => days) OR
        EXISTS (SELECT FROM public.use_log l, public.use_fold f WHERE l.id > f.folded AND l.id < part.next) THEN
        RETURN false;
    END IF;
    PERFORM public.partition_drop ('use_log', part.name, keep_days);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION use_partition_ahead (), use_partition_close (integer, bigint), use_partition_drop (integer) FROM PUBLIC;
SELECT use_partition_ahead ();

GRANT EXECUTE ON FUNCTION use_partition_ahead (), use_partition_close (integer, bigint), use_partition_drop (integer) TO jeton_auditor;
GRANT SELECT, INSERT ON use_log TO jeton_auditor;
GRANT SELECT ON use_head, use_fold TO jeton_auditor;
GRANT UPDATE (last) ON use_head TO jeton_auditor;
GRANT UPDATE (folded) ON use_fold TO jeton_auditor;
GRANT SELECT, INSERT, UPDATE (sequence, taken_at) ON use_sources TO jeton_auditor;
GRANT SELECT, INSERT, DELETE, UPDATE (allowed, denied) ON use_days TO jeton_auditor;
GRANT SELECT, INSERT, DELETE, UPDATE (last_second) ON token_use TO jeton_auditor;
GRANT SELECT (number, last_access_at), UPDATE (last_access_at) ON tokens TO jeton_auditor;
