-- The trail in partitions, and its retention (R38, R41). What is here was made for the trail; `partitioned_tables`, `partitions` and partition_drop serve
-- any table that is kept in partitions and dropped by age.
--
-- The auditor may not drop a table: it calls functions of the owner, which see for themselves that a partition is old enough. What "old enough"
-- is at least, whatever the auditor says, only the owner can change:
-- UPDATE partitioned_tables SET keep_days_min = 2555 WHERE name = 'trail';

CREATE TABLE partitioned_tables (
    name           text PRIMARY KEY,
    keep_days_min  integer NOT NULL CHECK (keep_days_min >= 30)
);
INSERT INTO partitioned_tables VALUES ('trail', 30);

CREATE TABLE partitions (
    parent      text NOT NULL REFERENCES partitioned_tables,
    name        text PRIMARY KEY,
    first       bigint,       -- trail: the number of its first record
    next        bigint,       -- trail: the number that the next partition begins with; NULL: it is the last one
    opened_at   timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz   -- by the database's clock; nothing is put into it afterwards; NULL: it takes what comes
);
CREATE UNIQUE INDEX partitions_open ON partitions (parent) WHERE closed_at IS NULL;

-- ---- the trail ------------------------------------------------------------------------------------------------------
--
-- Its partitions are ranges of `sequence`, so that a record is looked up in one of them and no number can be given twice. The last one has no upper
-- end: there is no number that the trail has no place for. What was the whole table is the first one; nothing is copied or read for that.

ALTER TABLE trail RENAME TO trail_1;
ALTER TABLE trail_1 RENAME CONSTRAINT trail_pkey TO trail_1_pkey;
ALTER INDEX trail_object RENAME TO trail_1_object;
ALTER INDEX trail_actor RENAME TO trail_1_actor;
ALTER INDEX trail_account RENAME TO trail_1_account;
ALTER INDEX trail_event RENAME TO trail_1_event;
ALTER INDEX trail_time RENAME TO trail_1_time;
REVOKE ALL ON trail_1 FROM jeton_auditor;

CREATE TABLE trail (LIKE trail_1 INCLUDING CONSTRAINTS, PRIMARY KEY (sequence)) PARTITION BY RANGE (sequence);
CREATE INDEX trail_object ON trail (object_id, sequence);
CREATE INDEX trail_actor ON trail (actor_id, sequence);
CREATE INDEX trail_account ON trail (account_id, sequence);
CREATE INDEX trail_event ON trail (event text_pattern_ops, sequence);
CREATE INDEX trail_time ON trail (time_us);
ALTER TABLE trail ATTACH PARTITION trail_1 FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
INSERT INTO partitions (parent, name, first) VALUES ('trail', 'trail_1', 1);

-- What was dropped: records `first` to `last`. The checkpoint of `last` stands for them; it is kept.
CREATE TABLE trail_drops (
    last           bigint PRIMARY KEY,
    first          bigint NOT NULL CHECK (first <= last),
    digest_before  bytea NOT NULL CHECK (length(digest_before) = 32),  -- of the record before the first; 32 zero bytes before record 1
    record         bigint NOT NULL,                                    -- the record of the trail that tells of it
    dropped_at     timestamptz NOT NULL DEFAULT now()
);

-- End the open partition with the trail's last record, which must have its checkpoint, and begin the next one. The partition is read once, for
-- PostgreSQL to see that it ends there, and nobody else can use the trail for so long: partitions should not have too many records. An open partition that
-- is not there is made again. Gives the number that the open partition begins with.
CREATE FUNCTION trail_partition_close () RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    part  public.partitions;
    low   text;
    head  bigint;
BEGIN
    SELECT * INTO STRICT part FROM public.partitions WHERE parent = 'trail' AND closed_at IS NULL FOR UPDATE;
    low := CASE part.first WHEN 1 THEN 'MINVALUE' ELSE part.first::text END;
    IF to_regclass (format ('public.%I', part.name)) IS NULL THEN
        EXECUTE format ('CREATE TABLE public.%I PARTITION OF public.trail FOR VALUES FROM (%s) TO (MAXVALUE)', part.name, low);
        RETURN part.first;
    END IF;
    LOCK TABLE ONLY public.trail IN ACCESS EXCLUSIVE MODE;
    EXECUTE format ('SELECT max (sequence) FROM public.%I', part.name) INTO head;
    IF head IS NULL OR head < part.first THEN
        RAISE EXCEPTION 'partition % of the trail holds nothing yet', part.name;
    END IF;
    IF NOT EXISTS (SELECT FROM public.trail JOIN public.checkpoints USING (sequence, digest) WHERE sequence = head) THEN
        RAISE EXCEPTION 'record % of the trail has no checkpoint', head;
    END IF;
    EXECUTE format ('ALTER TABLE public.trail DETACH PARTITION public.%I', part.name);
    EXECUTE format ('ALTER TABLE public.trail ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', part.name, low, head + 1);
    EXECUTE format ('CREATE TABLE public.%I PARTITION OF public.trail FOR VALUES FROM (%s) TO (MAXVALUE)', 'trail_' || (head + 1), head + 1);
    UPDATE public.partitions SET next = head + 1, closed_at = now () WHERE name = part.name;
    INSERT INTO public.partitions (parent, name, first) VALUES ('trail', 'trail_' || (head + 1), head + 1);
    RETURN head + 1;
END $$;

-- Drop the oldest partition of a table, which must be `wanted`, closed, and closed that long ago. For functions of the owner, not for the auditor.
CREATE FUNCTION partition_drop (wanted_parent text, wanted text, keep_days integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part public.partitions;
    days integer;
BEGIN
    SELECT greatest (keep_days, keep_days_min) INTO STRICT days FROM public.partitioned_tables WHERE name = wanted_parent;
    SELECT * INTO part FROM public.partitions WHERE parent = wanted_parent ORDER BY first, opened_at LIMIT 1 FOR UPDATE;
    IF part.name IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'the oldest partition of % is %, not %', wanted_parent, part.name, wanted;
    END IF;
    IF part.closed_at IS NULL OR part.closed_at > now () - make_interval (days => days) THEN
        RAISE EXCEPTION 'partition % was not closed % days ago', wanted, days;
    END IF;
    EXECUTE format ('DROP TABLE public.%I', wanted);
    DELETE FROM public.partitions WHERE name = wanted;
END $$;

-- Drop the oldest partition of the trail, whose last record is `last_dropped`, if its checkpoint stands for it and record `told` tells of it. The
-- checkpoints of records before it go too. In the transaction that appends `told`.
CREATE FUNCTION trail_partition_drop (keep_days integer, last_dropped bigint, told bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    part   public.partitions;
    before bytea;
BEGIN
    SELECT * INTO part FROM public.partitions WHERE parent = 'trail' ORDER BY first LIMIT 1 FOR UPDATE;
    IF part.closed_at IS NULL OR part.next IS DISTINCT FROM last_dropped + 1 THEN
        RAISE EXCEPTION 'the oldest partition of the trail does not end with record %', last_dropped;
    END IF;
    IF NOT EXISTS (SELECT FROM public.trail JOIN public.checkpoints USING (sequence, digest) WHERE sequence = last_dropped) THEN
        RAISE EXCEPTION 'no checkpoint stands for the records up to %', last_dropped;
    END IF;
    IF told <= last_dropped OR NOT EXISTS (SELECT FROM public.trail WHERE sequence = told AND event = 'platform.audit.trail.dropped') THEN
        RAISE EXCEPTION 'record % does not tell of the drop', told;
    END IF;
    SELECT digest INTO before FROM public.checkpoints WHERE sequence = part.first - 1;
    IF before IS NULL AND part.first > 1 THEN
        RAISE EXCEPTION 'no checkpoint stands for the records before %', part.first;
    END IF;
    INSERT INTO public.trail_drops (last, first, digest_before, record)
        VALUES (last_dropped, part.first, coalesce (before, decode (repeat ('00', 32), 'hex')), told);
    DELETE FROM public.checkpoints c WHERE c.sequence < last_dropped AND NOT EXISTS (SELECT FROM public.trail_drops d WHERE d.last = c.sequence);
    PERFORM public.partition_drop ('trail', part.name, keep_days);
END $$;

REVOKE ALL ON FUNCTION trail_partition_close (), partition_drop (text, text, integer), trail_partition_drop (integer, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trail_partition_close (), trail_partition_drop (integer, bigint, bigint) TO jeton_auditor;
GRANT SELECT, INSERT ON trail TO jeton_auditor;
GRANT SELECT ON partitioned_tables, partitions, trail_drops TO jeton_auditor;
