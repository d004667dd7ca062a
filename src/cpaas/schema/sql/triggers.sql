-- Bumps the version of a configuration table once a statement and tells every process.
CREATE OR REPLACE FUNCTION cpaas_config_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO config_version AS c (table_name, version) VALUES (TG_TABLE_NAME, 1)
        ON CONFLICT (table_name) DO UPDATE SET version = c.version + 1;
    PERFORM pg_notify('config', TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION cpaas_service_state_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('service_state', '');
    RETURN NULL;
END $$;

-- Writes who changed what. Secrets are replaced, so the log proves a change without holding it.
CREATE OR REPLACE FUNCTION cpaas_redact(r jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN r IS NULL THEN NULL ELSE
        (SELECT jsonb_object_agg(key, CASE WHEN key IN ('password', 'password_hash', 'digest',
            'secret', 'previous_secret', 'callback_token') AND value <> 'null'::jsonb
            THEN to_jsonb('[' || left(encode(sha256(convert_to(value::text, 'UTF8')), 'hex'), 8) || ']')
            WHEN jsonb_typeof(value) = 'object' AND value ? 'secret'
            THEN value || jsonb_build_object('secret',
                '[' || left(encode(sha256(convert_to(value ->> 'secret', 'UTF8')), 'hex'), 8) || ']')
            ELSE value END) FROM jsonb_each(r)) END
$$;

CREATE OR REPLACE FUNCTION cpaas_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    any_row jsonb := coalesce(new_row, old_row);
    key_column text := TG_ARGV[0];
    b jsonb;
    a jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- Only what changed; the row's key is in row_id.
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, n.value) INTO b, a
            FROM jsonb_each(cpaas_redact(old_row)) o JOIN jsonb_each(cpaas_redact(new_row)) n USING (key)
            WHERE o.value IS DISTINCT FROM n.value
            -- Logins and failures have entries of their own; their bookkeeping would only repeat them.
              AND key NOT IN ('last_login', 'failed_logins', 'locked_until', 'last_step');
        IF b IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        b := cpaas_redact(old_row);
        a := cpaas_redact(new_row);
    END IF;
    INSERT INTO audit_log (actor, address, action, table_name, row_id, account_id, before, after, note)
    VALUES (
        coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user),
        coalesce(current_setting('app.address', true), ''),
        lower(TG_OP), TG_TABLE_NAME, coalesce(any_row ->> key_column, ''),
        coalesce((any_row ->> 'account_id')::bigint,
                 CASE WHEN TG_TABLE_NAME = 'account' THEN (any_row ->> 'id')::bigint END, 0),
        b, a, coalesce(current_setting('app.note', true), ''));
    RETURN NULL;
END $$;

-- As cpaas_audit for tables that take millions of rows at once: few rows are told one by one, many
-- as one entry per account with their number. The transition table is called changed.
CREATE OR REPLACE FUNCTION cpaas_audit_many() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who text := coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user);
    at_address text := coalesce(current_setting('app.address', true), '');
    why text := coalesce(current_setting('app.note', true), '');
    is_gone boolean := TG_OP = 'DELETE';
    few boolean := (SELECT count(*) FROM (SELECT FROM changed LIMIT 21) c) <= 20;
BEGIN
    INSERT INTO audit_log (actor, address, action, table_name, row_id, account_id, before, after, note)
    SELECT who, at_address, lower(TG_OP), TG_TABLE_NAME, told.row_id, told.account_id,
        CASE WHEN is_gone THEN told.body END, CASE WHEN NOT is_gone THEN told.body END, why
    FROM (
        SELECT c.id::text AS row_id, c.account_id, to_jsonb(c) AS body FROM changed c WHERE few
        UNION ALL
        SELECT '', c.account_id, jsonb_build_object('rows', count(*), 'first_id', min(c.id),
            'last_id', max(c.id)) FROM changed c WHERE NOT few GROUP BY c.account_id
    ) told;
    RETURN NULL;
END $$;

-- The ledger and the audit log only grow. Sealing (the hash, once) is the one change allowed.
CREATE OR REPLACE FUNCTION cpaas_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'audit_log' THEN
        IF OLD.hash IS NULL AND NEW.hash IS NOT NULL
           AND to_jsonb(NEW) - 'hash' = to_jsonb(OLD) - 'hash' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- An entry that no change of a row makes: a login, a failure, an export, a look at content.
CREATE OR REPLACE FUNCTION cpaas_audit_event(action text, what text, row_id text, note text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO audit_log (actor, address, action, table_name, row_id, account_id, note)
    VALUES (
        coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user),
        coalesce(current_setting('app.address', true), ''), action, what, row_id,
        coalesce(nullif(current_setting('app.account_id', true), '')::bigint, 0), note)
$$;

-- Whose login this is, before any account is known; admins are nobody here.
CREATE OR REPLACE FUNCTION cpaas_portal_login(name text)
RETURNS TABLE (id bigint, account_id bigint) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    SELECT u.id, u.account_id FROM app_user u WHERE lower(u.username) = lower(name) AND u.role = 'USER'
$$;

-- The same by address, for a forgotten password.
CREATE OR REPLACE FUNCTION cpaas_portal_mail(address text)
RETURNS TABLE (id bigint, account_id bigint) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    SELECT u.id, u.account_id FROM app_user u
    WHERE lower(u.email) = lower(address) AND u.email <> '' AND u.role = 'USER' AND u.is_active LIMIT 5
$$;

-- Whose invitation a link is, before any account is known: by the digest of what the link holds.
CREATE OR REPLACE FUNCTION cpaas_invitation(token_digest bytea)
RETURNS TABLE (id bigint, account_id bigint) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
    SELECT i.id, i.account_id FROM team_invitation i WHERE i.digest = token_digest
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
$$;

-- What the portal shows of the platform settings: no secret, no address of the operator's.
CREATE OR REPLACE FUNCTION cpaas_portal_settings()
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(name, CASE name WHEN 'mail_host'
        THEN to_jsonb(CASE WHEN value = '""'::jsonb THEN '' ELSE 'set' END) ELSE value END),
        '{}')::text
    FROM platform_setting WHERE name IN ('platform_name', 'logo', 'currency', 'timezone',
        'retention_days', 'ollama_host', 'ollama_model', 'mail_host')
$$;

CREATE OR REPLACE FUNCTION cpaas_portal_logo()
RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT string_agg(c.data, ''::bytea ORDER BY c.number)
    FROM platform_setting s
        JOIN blob_chunk c ON c.blob_id = (s.value ->> 'blob')::bigint AND c.account_id = 0
    WHERE s.name = 'logo'
$$;
