-- The smallest UUIDv7 of a moment: its first 48 bits are the milliseconds.
CREATE OR REPLACE FUNCTION cpaas_uuid_at(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || '00000000000000000000')::uuid
$$;

-- How a day's partition is kept; does nothing where it already is.
CREATE OR REPLACE FUNCTION cpaas_keep_partition(parent text, child text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    -- A message is changed three times: with room on its page that touches no index. A batch
    -- changes all of a page at once, so there must be room for every row's next version.
    -- Every row is changed within seconds, so a share of the changes says little of what is new.
    -- Vacuum finds hardly anything that its page had not cleared already: it comes when the day
    -- has doubled, and statistics when it has grown by about a quarter.
    kept text[] := CASE parent
        WHEN 'message' THEN ARRAY ['fillfactor=45', 'autovacuum_vacuum_scale_factor=1',
            'autovacuum_vacuum_insert_scale_factor=1', 'autovacuum_analyze_scale_factor=1']
        ELSE ARRAY ['fillfactor=95', 'autovacuum_vacuum_scale_factor=0.25',
            'autovacuum_vacuum_insert_scale_factor=1', 'autovacuum_analyze_scale_factor=0.25'] END;
BEGIN
    IF to_regclass(child) IS NULL
        OR (SELECT reloptions = kept FROM pg_class WHERE oid = to_regclass(child)) THEN
        RETURN;
    END IF;
    -- While a day is young its statistics are made again every quarter of a minute; with a sample
    -- as large as the default target of 100 makes it, that took half a second of CPU each time.
    EXECUTE (SELECT format('ALTER TABLE %I ', child)
            || string_agg(format('ALTER COLUMN %I SET STATISTICS 20, ', attname), '')
            || format('SET (%s)', array_to_string(kept, ', '))
        FROM pg_attribute
        WHERE attrelid = to_regclass(child) AND attnum > 0 AND NOT attisdropped);
END $$;

-- Makes the partition of one UTC day by CREATE + CHECK + ATTACH, which locks no writer out.
CREATE OR REPLACE FUNCTION cpaas_make_partition(parent text, key text, day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    child text := parent || '_' || to_char(day, 'YYYYMMDD');
    first uuid := cpaas_uuid_at(day::timestamp AT TIME ZONE 'UTC');
    after uuid := cpaas_uuid_at((day + 1)::timestamp AT TIME ZONE 'UTC');
BEGIN
    IF to_regclass(child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    PERFORM cpaas_keep_partition(parent, child);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT day CHECK (%I >= %L AND %I < %L)',
        child, key, first, key, after);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, child, first, after);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT day', child);
    RETURN true;
END $$;

-- Makes every missing partition from two days ago to so many days ahead; returns how many.
CREATE OR REPLACE FUNCTION cpaas_make_partitions(days_ahead integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    made integer := 0;
    today date := (now() AT TIME ZONE 'UTC')::date;
    parent record;
    ahead integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('cpaas_make_partitions'));
    FOR parent IN SELECT c.relname AS name, a.attname AS key
        FROM pg_partitioned_table p
        JOIN pg_class c ON c.oid = p.partrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
        WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname
    LOOP
        FOR ahead IN -2..days_ahead LOOP
            IF cpaas_make_partition(parent.name, parent.key, today + ahead) THEN
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Keeps the partitions that still change as new ones are kept. Older days stay as they are: to
-- lock years of them in one transaction is more than a server has room for.
CREATE OR REPLACE FUNCTION cpaas_keep_partitions() RETURNS void
LANGUAGE sql AS $$
    SELECT cpaas_keep_partition(p.relname, c.relname)
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE p.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        AND right(c.relname, 8) >= to_char((now() AT TIME ZONE 'UTC')::date - 2, 'YYYYMMDD');
$$;
