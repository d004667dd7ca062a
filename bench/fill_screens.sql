-- What stands on the consoles' other screens when a platform is as busy as fill.py makes it, which runs this
-- after its accounts, messages and counters. The first account has many times what the others have, as with
-- customers. Statements are divided by an empty line; each commits alone.

-- Money: as it is written at acceptance, one entry a message, in order of time.
INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, created_at)
SELECT account_id, 'DEBIT', -price_micro, id, created_at FROM message ORDER BY id;

INSERT INTO billing_details (account_id, legal_name, country)
SELECT id, name || ' Ltd', 'IN' FROM account;

INSERT INTO account_statement (account_id, month, from_at, until_at, opening_micro, closing_micro, lines)
SELECT a.id, month, month AT TIME ZONE 'Asia/Kolkata', (month + interval '1 month') AT TIME ZONE 'Asia/Kolkata',
    0, 0, '[]'
FROM account a, generate_series(date_trunc('month', now() AT TIME ZONE 'Asia/Kolkata') - interval '6 months',
    date_trunc('month', now() AT TIME ZONE 'Asia/Kolkata') - interval '1 month', interval '1 month') month;

INSERT INTO invoice (account_id, month, number, total_micro, tax_micro, currency, content)
SELECT account_id, month, 'INV-' || account_id || to_char(month, '-YYMM'), 118000000, 18000000, 'INR', '{}'
FROM account_statement;

INSERT INTO top_up_request (account_id, amount_micro, note, status)
SELECT a.id, 50000000, 'bank ' || n, CASE WHEN n = 1 THEN 'PENDING' ELSE 'GRANTED' END
FROM account a, generate_series(1, 5) n;

INSERT INTO price (account_id, channel, amount_micro, country)
SELECT a.id, c, 120000, p
FROM account a, unnest(array['sms', 'rcs', 'voice']) c, unnest(array['', 'IN', 'AE', 'GB']) p
ON CONFLICT DO NOTHING;

-- People, and what they asked for.
INSERT INTO app_user (username, email, role, account_id, password, member_role)
SELECT 'dev' || id, 'dev' || id || '@example.com', 'USER', id, '', 'developer' FROM account;

INSERT INTO app_user (username, email, role, password)
SELECT 'admin' || n, 'admin' || n || '@example.com', 'ADMIN', '' FROM generate_series(1, 50) n;

INSERT INTO api_key (account_id, kind, digest, prefix)
SELECT id, k, sha256((k || id)::bytea), k || '_' || id FROM account, unnest(array['live', 'test']) k;

INSERT INTO sender (account_id, channel, value, status)
SELECT a.id, (array['sms', 'whatsapp', 'rcs', 'voice'])[n % 4 + 1], 'S' || a.id || 'X' || n,
    (array['APPROVED', 'PENDING', 'REJECTED', 'APPROVED', 'APPROVED'])[n % 5 + 1]
FROM account a, generate_series(1, CASE WHEN a.id = 1 THEN 500 ELSE 5 END) n;

INSERT INTO template (account_id, channel, name, status)
SELECT a.id, (array['sms', 'whatsapp', 'rcs', 'voice'])[n % 4 + 1], 'template_' || n,
    (array['APPROVED', 'PENDING', 'REJECTED', 'DRAFT', 'APPROVED'])[n % 5 + 1]
FROM account a, generate_series(1, CASE WHEN a.id = 1 THEN 500 ELSE 5 END) n;

INSERT INTO template_version (account_id, template_id, type, status, content)
SELECT account_id, id, 'TEXT', status, '{"body": "Your order is on its way"}' FROM template;

INSERT INTO saved_view (user_id, screen, name, query)
SELECT u.id, 'reports', 'View ' || n, 'days=7d' FROM app_user u, generate_series(1, 10) n WHERE role = 'ADMIN';

-- Routes to choose among; none of them is served.
INSERT INTO route (name, channel, active)
SELECT 'other' || n, (array['sms', 'whatsapp', 'rcs', 'voice'])[n % 4 + 1], false FROM generate_series(1, 100) n;

INSERT INTO strategy (name, channel, kind) SELECT 'strategy' || n, 'sms', 'failover' FROM generate_series(1, 50) n;

INSERT INTO strategy_member (strategy_id, route_id, position)
SELECT s.id, r.id, r.id FROM strategy s, route r WHERE r.name LIKE 'smpp%';

INSERT INTO routing_rule (account_id, channel, route_id, priority)
SELECT a.id, 'sms', (SELECT min(id) FROM route WHERE name = 'smpp' || a.id % 6), 50 FROM account a;

INSERT INTO identity (channel, value, label, route_id)
SELECT 'whatsapp', '+1555' || lpad(n::text, 7, '0'), 'Shop ' || n,
    (SELECT min(id) FROM route WHERE channel = 'whatsapp')
FROM generate_series(1, 1000) n;

INSERT INTO identity_account (identity_id, account_id)
SELECT i.id, a.id FROM identity i JOIN account a ON i.label = 'Shop ' || a.id;

-- Campaigns: those that the messages name, those of weeks before, and one with its rows.
INSERT INTO campaign (id, account_id, name, channel, status, total_rows, good_rows, launched, last_row,
    charged_micro, created_at, started_at, finished_at)
SELECT a.id * 10 + k, a.id, 'Offer ' || a.id || '.' || k, 'sms', 'COMPLETED', 1000, 990, 990, 1000, 118800000,
    now() - interval '20 hours', now() - interval '20 hours', now()
FROM account a, generate_series(0, 2) k;

SELECT setval(pg_get_serial_sequence('campaign', 'id'), max(id)) FROM campaign;

INSERT INTO campaign (account_id, name, channel, status, total_rows, good_rows, launched, created_at, finished_at)
SELECT a.id, 'Earlier ' || n, 'sms', 'COMPLETED', 1000, 990, 990, now() - n * interval '9 minutes', now()
FROM account a, generate_series(1, CASE WHEN a.id = 1 THEN 2000 ELSE 20 END) n ORDER BY n DESC;

INSERT INTO campaign_counter (campaign_id, instance_id, account_id, submitted, delivered, failed)
SELECT id, i, account_id, 330, 300, 20 FROM campaign, generate_series(1, 3) i;

INSERT INTO campaign_error (campaign_id, error_code, instance_id, account_id, messages)
SELECT c.id, e, i, c.account_id, 3
FROM campaign c, unnest(array['absent_subscriber', 'call_barred', 'no_receipt', 'dlt_mismatch']) e,
    generate_series(1, 3) i;

INSERT INTO campaign_row (campaign_id, row_no, account_id, number)
SELECT 11, n, 1, '+9197' || lpad(n::text, 8, '0') FROM generate_series(1, 300000) n;

INSERT INTO campaign_fault (account_id, campaign_id, row_no, stage, code, value)
SELECT 1, 11, n, 'file', 'invalid_number', '12' FROM generate_series(300001, 350000) n;

-- What comes back, and what goes on to customers.
INSERT INTO inbound_message (id, account_id, route_id, channel, sender, recipient, body, received_at)
SELECT id, account_id, route_id, channel, ltrim(recipient, '+'), '56161', 'When is it here?', created_at
FROM message ORDER BY id DESC LIMIT 500000;

INSERT INTO webhook_endpoint (account_id, url, secret)
SELECT id, 'https://shop' || id || '.example/hook', '' FROM account;

INSERT INTO webhook_delivery (id, account_id, message_id, event_type, url, body, status, attempts, last_status,
    created_at)
SELECT id, account_id, id, 'message.delivered', 'https://shop.example/hook', '{}', 'delivered', 1, 200, created_at
FROM message ORDER BY id DESC LIMIT 1000000;

-- Numbers, and what an operator has to look at.
INSERT INTO blacklist_entry (account_id, number, reason)
SELECT CASE n % 5 WHEN 0 THEN 1 WHEN 1 THEN n % 1000 + 1 ELSE 0 END, '+9196' || lpad(n::text, 8, '0'), 'asked'
FROM generate_series(1, 1000000) n;

INSERT INTO alert (kind, subject, title, opened_at, closed_at)
SELECT 'route_down', 'smpp' || n % 6, 'Route smpp' || n % 6 || ' is down', now() - n * interval '10 minutes',
    now() - n * interval '9 minutes'
FROM generate_series(1, 10000) n;

INSERT INTO dead_letter (queue, account_id, messages, tries, reason, payload, created_at)
SELECT 'cpaas.sms.submit', n % 1000 + 1, 3, 10, 'cannot be read', '', now() - n * interval '10 minutes'
FROM generate_series(1, 10000) n;

INSERT INTO unmatched_receipt (route_id, provider_message_id, state, recipient, received_at, next_try_at)
SELECT 101, 'p' || n, 'DELIVRD', '919800000000', now() - n * interval '3 seconds', now() + interval '30 days'
FROM generate_series(1, 50000) n;

-- What waits: far in the future, so that no service of the copy takes it.
INSERT INTO queue_item (queue, account_id, available_at, messages, payload)
SELECT q, n % 1000 + 1, now() + interval '30 days', 10, ''
FROM unnest(array['submit_smpp1', 'submit_smpp2', 'cpaas.sms.submit', 'cpaas.webhook']) q,
    generate_series(1, 100000) n;

-- The days and hours before, as yesterday was.
INSERT INTO counter_day (day, account_id, channel, route_id, country, accepted, segments, submitted, delivered,
    read, failed, rejected, expired, charged_micro, carrier_cost_micro)
SELECT day - n, account_id, channel, route_id, country, accepted, segments, submitted, delivered, read, failed,
    rejected, expired, charged_micro, carrier_cost_micro
FROM counter_day, generate_series(2, 60) n WHERE day = (SELECT max(day) - 1 FROM counter_day)
ON CONFLICT DO NOTHING;

INSERT INTO counter_account_day (day, account_id, accepted, segments, submitted, delivered, read, failed, rejected,
    expired, charged_micro, carrier_cost_micro)
SELECT day - n, account_id, accepted, segments, submitted, delivered, read, failed, rejected, expired, charged_micro,
    carrier_cost_micro
FROM counter_account_day, generate_series(2, 60) n WHERE day = (SELECT max(day) - 1 FROM counter_account_day)
ON CONFLICT DO NOTHING;

INSERT INTO counter_hour (hour, account_id, channel, route_id, country, accepted, segments, submitted, delivered,
    read, failed, rejected, expired, charged_micro, carrier_cost_micro)
SELECT hour - n * interval '1 day', account_id, channel, route_id, country, accepted, segments, submitted,
    delivered, read, failed, rejected, expired, charged_micro, carrier_cost_micro
FROM counter_hour, generate_series(2, 15) n
WHERE hour >= now() - interval '44 hours' AND hour < now() - interval '20 hours'
ON CONFLICT DO NOTHING;
