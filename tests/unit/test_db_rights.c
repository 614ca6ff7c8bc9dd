// What each process's role may do in the database after `jeton db migrate`, and what it may not (R45).
// objects: tests/unit/support_postgres.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o
#include "common/crypto/crypto.h"
#include "services/cli/migrate.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct postgres postgres;

struct right {
    const char *role;
    const char *sql;
    bool may;
};

static const struct right rights[] = {
    {"admin", "SELECT max (version) FROM schema_migrations", true},
    {"admin", "INSERT INTO modules (name, title) VALUES ('orders', 'Orders')", true},
    {"admin", "INSERT INTO accounts (name) VALUES ('Shop') RETURNING number", true},
    {"admin", "INSERT INTO account_modules (account, module) VALUES (1, 1)", true},
    {"admin",
     "INSERT INTO account_modules (account, module) VALUES (1, 1)"
     " ON CONFLICT (account, module) DO UPDATE SET enabled = true",
     true},
    {"admin",
     "INSERT INTO users (account, username, name, role, password_hash) VALUES (1, 'ada', 'Ada', 1, "
     "'x')",
     true},
    {"admin",
     "INSERT INTO tokens (account, name, kind, environment, digest, created_by_id, created_by_name)"
     " VALUES (1, 't', 2, 1, sha256 ('x'), 'operator', 'operator')",
     true},
    {"admin", "INSERT INTO token_modules (account, token, module, access) VALUES (1, 1, 1, 1)",
     true},
    {"admin", "UPDATE tokens SET status = 2, revision = revision + 1 WHERE number = 1", true},
    {"admin", "SELECT number FROM accounts WHERE number = 1 FOR UPDATE", true},
    {"admin", "INSERT INTO changes (kind, object, account, revision) VALUES ('token', 1, 1, 1)",
     true},
    {"admin", "INSERT INTO outbox (record) VALUES ('x')", true},
    {"admin",
     "INSERT INTO writers (endpoint, server_key, instance, outage_ms, generation, known)"
     " VALUES ('tcp://a:1', repeat ('k', 40), 1, 0, nextval ('writers_generation'), 1)",
     true},
    {"admin",
     "UPDATE writers SET server_key = repeat ('l', 40), instance = 2, outage_ms = 1, known = 2,"
     " generation = 2, renewed = 1, ended = true",
     true},
    {"admin", "UPDATE writers SET role = 'jeton_issuer'", false},
    {"issuer", "SELECT * FROM writers", true},
    {"validator", "SELECT * FROM writers", true},
    {"validator", "UPDATE writers SET ended = true", false},
    {"auditor", "SELECT * FROM writers", false},
    {"admin", "DELETE FROM writers WHERE ended", true},
    {"admin", "INSERT INTO customer_groups (account, code, name) VALUES (1, 'g', 'G')", true},
    {"admin", "INSERT INTO markets (account, code, name, customer_group) VALUES (1, 'm', 'M', 1)",
     true},
    {"admin", "INSERT INTO stock_locations (account, code, name, market) VALUES (1, 'l', 'L', 1)",
     true},
    {"admin",
     "UPDATE markets SET code = 'n', name = 'N', customer_group = NULL, status = 2, revision = 2,"
     " updated_at = now()",
     true},
    {"admin", "UPDATE stock_locations SET market = 1, status = 2, revision = 2", true},
    {"admin", "UPDATE customer_groups SET name = 'N', status = 2, revision = 2", true},
    {"admin",
     "INSERT INTO clients (account, name, kind, access_token_life_s) VALUES (1, 'c', 2, 7200)",
     true},
    {"admin",
     "UPDATE clients SET name = 'd', market = NULL, access_token_life_s = 7200, token_format = 2,"
     " redirect_uris = '{}', status = 2, revision = 2, updated_at = now()",
     true},
    {"admin",
     "UPDATE clients SET scopes = '{module:orders:read}', secret_digest = sha256 ('s'),"
     " secret_made_at = now(), old_secret_digest = sha256 ('o'), secret_grace_until = now()",
     true},
    {"issuer",
     "SELECT number, account, name, kind, market, access_token_life_s, token_format, status,"
     " revision, scopes, secret_digest, old_secret_digest, secret_grace_until FROM clients",
     true},
    {"issuer", "UPDATE clients SET secret_digest = NULL", false},
    {"admin", "UPDATE clients SET jwks = '{}'", true},
    {"issuer", "SELECT jwks FROM clients", true},
    {"issuer",
     "INSERT INTO client_assertions (client, digest, expires_at) VALUES (1, sha256 ('j'), now())",
     true},
    {"issuer", "DELETE FROM client_assertions WHERE expires_at < now()", true},
    {"admin", "SELECT client FROM client_assertions", false},
    {"validator", "SELECT client FROM client_assertions", false},
    {"validator", "SELECT secret_digest FROM clients", false},
    {"validator", "UPDATE clients SET scopes = '{}'", false},
    {"auditor", "SELECT number FROM clients", false},
    {"admin", "UPDATE clients SET kind = 3", false},
    {"admin", "UPDATE clients SET account = 2", false},
    {"admin", "DELETE FROM clients", false},
    {"admin", "INSERT INTO customers (account, email, password_hash) VALUES (1, 'c@x', 'x')", true},
    {"admin",
     "UPDATE customers SET email = 'd@x', customer_group = NULL, password_hash = NULL, status = 2,"
     " revision = 2, updated_at = now()",
     true},
    {"admin", "UPDATE customers SET account = 2", false},
    {"admin", "DELETE FROM customers", false},
    {"issuer",
     "SELECT number, account, email, customer_group, password_hash, status, revision FROM "
     "customers",
     true},
    {"issuer", "UPDATE customers SET password_hash = NULL", false},
    {"validator", "SELECT number, account, customer_group, status FROM customers", true},
    {"validator", "SELECT password_hash FROM customers", false},
    {"validator", "SELECT email FROM customers", false},
    {"auditor", "SELECT email FROM customers", false},
    {"admin", "UPDATE markets SET account = 2", false},
    {"admin", "UPDATE markets SET created_at = now()", false},
    {"admin", "UPDATE stock_locations SET account = 2", false},
    {"admin", "UPDATE customer_groups SET number = 2", false},
    {"admin", "DELETE FROM markets", false},
    {"admin", "DELETE FROM stock_locations", false},
    {"admin", "DELETE FROM customer_groups", false},
    {"admin", "INSERT INTO idempotency_keys (key, method, sealed) VALUES (sha256 ('k'), 'm', 's')",
     true},
    {"admin", "SELECT method, sealed FROM idempotency_keys", true},
    {"admin", "DELETE FROM idempotency_keys", true},
    {"admin", "UPDATE idempotency_keys SET sealed = 'x'", false},
    {"issuer", "SELECT sealed FROM idempotency_keys", false},
    {"validator", "SELECT sealed FROM idempotency_keys", false},
    {"auditor", "SELECT sealed FROM idempotency_keys", false},
    {"admin",
     "INSERT INTO token_logos (token, account, content_type, digest, data) VALUES (1, 1, "
     "'image/png', sha256 ('x'), 'x')",
     true},
    {"admin",
     "UPDATE token_logos SET content_type = 'image/webp', digest = sha256 ('y'), data = 'y'", true},
    {"admin", "UPDATE token_logos SET token = 2", false},
    {"admin", "UPDATE token_logos SET account = 2", false},
    {"admin", "SELECT data FROM token_logos", true},
    {"admin", "DELETE FROM token_logos", true},
    {"issuer", "SELECT token FROM token_logos", false},
    {"validator", "SELECT token FROM token_logos", false},
    {"auditor", "SELECT token FROM token_logos", false},
    {"admin", "INSERT INTO foreign_prefixes (prefix) VALUES ('sk_live_')", true},
    {"admin", "SELECT prefix FROM foreign_prefixes", true},
    {"admin", "DELETE FROM foreign_prefixes", true},
    {"admin", "UPDATE tokens SET prefix = NULL", true},
    {"admin", "UPDATE foreign_prefixes SET prefix = 'pk_live_'", false},
    {"admin",
     "INSERT INTO token_imports (digest, line, account, token)"
     " VALUES (sha256 ('v'), sha256 ('l'), 1, 1)",
     true},
    {"admin", "SELECT digest, line, token FROM token_imports", true},
    {"admin", "UPDATE token_imports SET token = 1", false},
    {"admin", "DELETE FROM token_imports", false},
    {"issuer", "SELECT prefix FROM foreign_prefixes", false},
    {"issuer", "SELECT digest FROM token_imports", false},
    {"validator", "SELECT prefix FROM foreign_prefixes LIMIT 256", true},
    {"validator", "SELECT created_at FROM foreign_prefixes", false},
    {"validator", "INSERT INTO foreign_prefixes (prefix) VALUES ('pk_live_')", false},
    {"validator", "SELECT digest FROM token_imports", false},
    {"auditor", "SELECT prefix FROM foreign_prefixes", false},
    {"auditor", "SELECT digest FROM token_imports", false},
    {"issuer",
     "INSERT INTO revoked_jwts (account, jti, expires_at) VALUES (1, 'a', now ())"
     " ON CONFLICT DO NOTHING RETURNING jti",
     true},
    {"issuer",
     "INSERT INTO refresh_families (account, client, customer, environment, scope, generation,"
     " live, expires_at, jti, access_expires_at)"
     " VALUES (1, 1, 1, 1, '', 0, sha256 ('a'), now (), 'a', now ())",
     true},
    {"issuer",
     "INSERT INTO refresh_tokens (digest, family, jti, access_expires_at, expires_at)"
     " VALUES (sha256 ('a'), 1, 'a', now (), now ())",
     true},
    {"issuer",
     "UPDATE refresh_families SET live = sha256 ('b'), expires_at = now (), jti = 'b',"
     " access_expires_at = now (), revoked_at = now ()",
     true},
    {"issuer",
     "INSERT INTO access_tokens (digest, day, client, customer, owner, environment, generation,"
     " issued_at, expires_at, scope)"
     " SELECT sha256 ('a'), 1 + extract (epoch FROM now ()) / 86400, 1, 0, 0, 1, 0, now (), now (),"
     " ''",
     true},
    {"issuer", "SELECT digest, day, client, expires_at FROM access_tokens", true},
    {"issuer", "SELECT scope FROM access_tokens", false},
    {"issuer", "UPDATE access_tokens SET expires_at = now ()", false},
    {"issuer", "DELETE FROM access_tokens", false},
    {"issuer", "TRUNCATE access_tokens", false},
    {"issuer", "SELECT access_partitions_drop (0)", false},
    {"validator",
     "SELECT digest, day, client, customer, owner, environment, generation, issued_at, expires_at,"
     " scope FROM access_tokens",
     true},
    {"validator", "INSERT INTO access_tokens (day) VALUES (1)", false},
    {"validator", "UPDATE access_tokens SET generation = 1", false},
    {"validator", "DELETE FROM access_tokens", false},
    {"admin", "SELECT digest FROM access_tokens", false},
    {"auditor", "SELECT digest FROM access_tokens", false},
    {"auditor", "DELETE FROM access_tokens", false},
    {"auditor", "SELECT access_partitions_ahead ()", true},
    {"auditor", "SELECT access_partitions_drop (0)", true},
    {"admin", "SELECT access_partitions_ahead ()", false},
    {"validator", "SELECT access_partitions_drop (0)", false},
    {"issuer", "UPDATE refresh_tokens SET used_at = now (), reply = 'x'", true},
    {"issuer", "UPDATE refresh_tokens SET family = 2", false},
    {"issuer", "UPDATE refresh_families SET customer = 2", false},
    {"issuer", "UPDATE refresh_families SET scope = 'x'", false},
    {"issuer", "DELETE FROM refresh_tokens", false},
    {"issuer", "DELETE FROM refresh_families", false},
    {"issuer", "UPDATE refresh_families SET owner = 2", false},
    {"issuer", "UPDATE refresh_families SET code = sha256 ('a')", false},
    {"issuer",
     "INSERT INTO authorization_codes (digest, account, client, owner, environment, scope,"
     " redirect_uri, challenge, generation, expires_at) VALUES (sha256 ('a'), 1, 1, 1, 1, '',"
     " 'https://a/', repeat ('a', 43), 0, now ())",
     true},
    {"issuer", "SELECT redirect_uris FROM clients", true},
    {"issuer", "UPDATE clients SET redirect_uris = '{}'", false},
    {"issuer", "UPDATE authorization_codes SET owner = 2", false},
    {"issuer", "UPDATE authorization_codes SET expires_at = now () + interval '1 day'", false},
    {"auditor", "SELECT challenge FROM authorization_codes", false},
    {"auditor", "DELETE FROM authorization_codes WHERE expires_at < now ()", true},
    {"issuer", "DELETE FROM authorization_codes", true},
    {"admin", "SELECT digest FROM authorization_codes", false},
    {"admin", "DELETE FROM authorization_codes", false},
    {"validator", "SELECT digest FROM authorization_codes", false},
    {"admin", "SELECT digest FROM refresh_tokens", false},
    {"admin", "SELECT live FROM refresh_families", false},
    {"validator", "SELECT digest FROM refresh_tokens", false},
    {"validator", "SELECT live FROM refresh_families", false},
    {"auditor", "SELECT reply FROM refresh_tokens", false},
    {"auditor", "SELECT live FROM refresh_families", false},
    {"auditor", "UPDATE refresh_families SET revoked_at = now ()", false},
    {"auditor", "DELETE FROM refresh_tokens WHERE expires_at < now ()", true},
    {"auditor", "DELETE FROM refresh_families WHERE expires_at < now ()", true},
    {"issuer", "UPDATE revoked_jwts SET expires_at = now ()", false},
    {"issuer", "DELETE FROM revoked_jwts", false},
    {"validator", "SELECT account, jti FROM revoked_jwts", true},
    {"validator", "DELETE FROM revoked_jwts", false},
    {"admin",
     "INSERT INTO revoked_jwts (account, jti, expires_at) VALUES (1, 'a', now ())"
     " ON CONFLICT (account, jti) DO UPDATE SET expires_at = excluded.expires_at",
     true},
    {"admin", "DELETE FROM revoked_jwts", false},
    {"admin",
     "INSERT INTO jwt_generations AS g (account, kind, number) VALUES (1, 2, 1)"
     " ON CONFLICT (account, kind, number) DO UPDATE SET generation = g.generation + 1,"
     " revoked_at = now ()",
     true},
    {"admin", "DELETE FROM jwt_generations", false},
    {"issuer", "SELECT account, kind, number, generation FROM jwt_generations", true},
    {"issuer", "INSERT INTO jwt_generations (account, kind, number) VALUES (1, 2, 2)", false},
    {"validator", "SELECT account, kind, number, generation FROM jwt_generations", true},
    {"validator", "UPDATE jwt_generations SET generation = 9", false},
    {"auditor", "SELECT account, kind, number, generation FROM jwt_generations", true},
    {"auditor", "UPDATE jwt_generations SET generation = 9", false},
    {"auditor", "DELETE FROM revoked_jwts WHERE expires_at < now ()", true},
    {"auditor", "INSERT INTO revoked_jwts (account, jti, expires_at) VALUES (1, 'b', now ())",
     false},
    {"admin", "DELETE FROM tokens", false},
    {"admin", "DELETE FROM token_modules WHERE token = 1", true},
    {"admin",
     "UPDATE accounts SET rate_per_minute = 1, rate_burst = 1, base_rate_per_minute = 1, "
     "base_rate_burst = 1",
     true},
    {"issuer", "UPDATE accounts SET rate_per_minute = NULL, rate_burst = NULL", false},
    {"admin", "UPDATE tokens SET allow_list = '{10.0.0.0/8}', rate_per_minute = 1, rate_burst = 1",
     true},
    {"admin", "DELETE FROM accounts", false},
    {"admin", "DELETE FROM users", false},
    {"admin", "DELETE FROM modules", false},
    {"admin", "DELETE FROM outbox", false},
    {"admin", "TRUNCATE tokens CASCADE", false},
    {"admin",
     "UPDATE tokens SET old_digest = digest, digest = sha256 ('y'), grace_until = now (), "
     "last_rotated_at = now ()",
     true},
    {"admin", "UPDATE tokens SET sealed_value = NULL", true},
    {"admin", "UPDATE tokens SET noticed_expiry = now (), noticed_days = 7", true},
    {"admin", "UPDATE tokens SET kind = 1", false},
    {"admin", "UPDATE tokens SET created_by_id = 'somebody else'", false},
    {"admin", "UPDATE token_modules SET access = 2", true},
    {"admin", "UPDATE token_modules SET module = 2", false},
    {"admin", "UPDATE token_modules SET token = 2", false},
    {"admin", "UPDATE users SET account = 2", false},
    {"admin", "SELECT record FROM outbox", false},
    {"admin", "UPDATE outbox SET record = 'y'", false},
    {"admin", "SELECT record FROM trail", false},
    {"admin", "INSERT INTO trail VALUES (1, '', sha256 (''), '', '', '', '', 0, 1)", false},
    {"admin", "UPDATE changes SET revision = 9", false},
    {"admin", "DELETE FROM changes", false},
    {"admin", "SELECT private_key FROM signing_keys", false},
    {"admin", "INSERT INTO schema_migrations (version, name, sha256) VALUES (99, 'x', 'x')", false},
    {"admin", "CREATE TABLE mine (n int)", false},
    {"admin", "CREATE TEMPORARY TABLE mine (n int)", false},
    {"admin", "CREATE ROLE friend SUPERUSER", false},
    {"admin", "ALTER TABLE tokens DISABLE TRIGGER ALL", false},
    {"admin", "COPY accounts TO PROGRAM 'cat'", false},

    {"issuer", "SELECT number, status FROM accounts", true},
    {"issuer", "SELECT username, password_hash FROM users", true},
    {"issuer",
     "INSERT INTO signing_keys (kid, algorithm, state, public_key, private_key) VALUES ('k', "
     "'ES256', 1, 'x', 'x')",
     true},
    {"issuer", "UPDATE signing_keys SET state = 2, activated_at = now() WHERE kid = 'k'", true},
    {"issuer", "SELECT kid, private_key FROM signing_keys", true},
    {"issuer", "INSERT INTO outbox (record) VALUES ('x')", true},
    {"issuer", "INSERT INTO changes (kind, object, revision) VALUES ('signing_key', 0, 1)", true},
    {"issuer", "SELECT number, account, code, customer_group, status FROM markets", true},
    {"issuer", "SELECT number, account, code, market, status FROM stock_locations", true},
    {"issuer", "SELECT name FROM markets", false},
    {"issuer", "UPDATE markets SET status = 1", false},
    {"issuer", "SELECT number FROM tokens", false},
    {"issuer", "SELECT digest FROM tokens", false},
    {"issuer", "UPDATE tokens SET status = 3", false},
    {"issuer", "INSERT INTO tokens (account) VALUES (1)", false},
    {"issuer", "UPDATE users SET password_hash = 'x'", false},
    {"issuer", "UPDATE accounts SET status = 2", false},
    {"issuer", "INSERT INTO users (account) VALUES (1)", false},
    {"issuer", "DELETE FROM signing_keys", false},
    {"issuer", "UPDATE signing_keys SET private_key = 'y'", false},
    {"issuer", "UPDATE signing_keys SET public_key = 'y'", false},
    {"issuer", "SELECT record FROM outbox", false},
    {"issuer", "DELETE FROM outbox", false},
    {"issuer", "SELECT record FROM trail", false},
    {"issuer", "CREATE TABLE mine (n int)", false},

    {"validator",
     "SELECT number, account, kind, environment, status, expires_at, revision FROM tokens WHERE "
     "digest = ''",
     true},
    {"validator", "SELECT allow_list, old_digest, grace_until FROM tokens", true},
    {"validator", "SELECT rate_per_minute, rate_burst FROM tokens", true},
    {"validator", "SELECT last_access_at FROM tokens", true},
    {"validator", "SELECT token, last_second FROM token_use", true},
    {"validator", "DELETE FROM token_use", false},
    {"validator",
     "SELECT rate_per_minute, rate_burst, base_rate_per_minute, base_rate_burst FROM accounts",
     true},
    {"validator", "UPDATE accounts SET rate_per_minute = NULL, rate_burst = NULL", false},
    {"validator", "SELECT module, access FROM token_modules", true},
    {"validator", "SELECT number, name FROM modules", true},
    {"validator", "SELECT account, module, enabled FROM account_modules", true},
    {"validator", "SELECT number, status, revision FROM accounts", true},
    {"validator", "SELECT number, status, role FROM users", true},
    {"validator", "SELECT kid, public_key, state FROM signing_keys", true},
    {"validator",
     "SELECT id, xid, kind FROM changes WHERE xid >= pg_snapshot_xmin (pg_current_snapshot ())",
     true},
    {"validator", "SELECT number, account, code, customer_group, status FROM markets", true},
    {"validator", "SELECT number, account, code, market, status FROM stock_locations", true},
    {"validator", "SELECT name FROM stock_locations", false},
    {"validator", "SELECT number, account, market, status, scopes FROM clients", true},
    {"validator", "SELECT name FROM clients", false},
    {"validator", "SELECT number, account, status FROM customer_groups", true},
    {"validator", "SELECT name FROM customer_groups", false},
    {"validator", "UPDATE stock_locations SET status = 1", false},
    {"validator", "SELECT name FROM tokens", false},
    {"validator", "SELECT last_rotated_at FROM tokens", false},
    {"validator", "SELECT sealed_value FROM tokens", false},
    {"validator", "SELECT noticed_days FROM tokens", false},
    {"validator", "SELECT description FROM tokens", false},
    {"validator", "SELECT * FROM tokens", false},
    {"validator", "SELECT name FROM accounts", false},
    {"validator", "SELECT password_hash FROM users", false},
    {"validator", "SELECT username FROM users", false},
    {"validator", "SELECT private_key FROM signing_keys", false},
    {"validator", "SELECT record FROM outbox", false},
    {"validator", "SELECT record FROM trail", false},
    {"validator", "INSERT INTO tokens (account) VALUES (1)", false},
    {"validator", "UPDATE tokens SET status = 1", false},
    {"validator", "DELETE FROM tokens", false},
    {"validator", "SELECT number FROM tokens FOR UPDATE", false},
    {"validator", "UPDATE accounts SET status = 1", false},
    {"validator", "UPDATE token_modules SET access = 2", false},
    {"validator", "INSERT INTO token_modules VALUES (1, 1, 1, 2)", false},
    {"validator", "UPDATE account_modules SET enabled = true", false},
    {"validator", "INSERT INTO changes (kind, object, revision) VALUES ('token', 1, 1)", false},
    {"validator", "DELETE FROM changes", false},
    {"validator", "INSERT INTO outbox (record) VALUES ('x')", false},
    {"validator", "INSERT INTO signing_keys VALUES ('k')", false},
    {"validator", "CREATE TABLE mine (n int)", false},
    {"validator", "CREATE TEMPORARY TABLE mine (n int)", false},

    {"auditor", "SELECT pg_try_advisory_lock (1)", true},
    {"auditor", "SELECT id, record FROM outbox ORDER BY id", true},
    {"auditor", "INSERT INTO trail VALUES (1, 'x', sha256 ('x'), 'e', 'o', 'a', '', 0, 1)", true},
    {"auditor", "DELETE FROM outbox", true},
    {"auditor", "INSERT INTO checkpoints VALUES (1, sha256 ('x'), 0, 'k', 's')", true},
    {"auditor", "SELECT sequence, record, digest FROM trail", true},
    {"auditor", "SELECT trail_partition_close ()", true},
    {"auditor", "SELECT first, next, opened_at, closed_at FROM partitions", true},
    {"auditor", "SELECT keep_days_min FROM partitioned_tables", true},
    {"auditor", "SELECT first, last, record FROM trail_drops", true},
    {"auditor", "SELECT partition_drop ('trail', 'trail_1', 30)", false},
    {"auditor", "SELECT record FROM trail_1", false},
    {"auditor", "DELETE FROM trail_1", false},
    {"auditor", "INSERT INTO trail_2 SELECT * FROM trail", false},
    {"auditor", "DROP TABLE trail_1", false},
    {"auditor", "ALTER TABLE trail DETACH PARTITION trail_1", false},
    {"auditor", "UPDATE partitions SET closed_at = '2000-01-01'", false},
    {"auditor", "INSERT INTO partitions (parent, name) VALUES ('trail', 'x')", false},
    {"auditor", "DELETE FROM partitions", false},
    {"auditor", "UPDATE partitioned_tables SET keep_days_min = 30", false},
    {"auditor", "INSERT INTO trail_drops VALUES (1, 1, sha256 ('x'), 2)", false},
    {"auditor", "DELETE FROM trail_drops", false},
    {"auditor",
     "CREATE FUNCTION pg_temp.now () RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::"
     "timestamptz'",
     false},
    {"admin", "SELECT trail_partition_close ()", false},
    {"admin", "SELECT trail_partition_drop (30, 1, 2)", false},
    {"issuer", "SELECT trail_partition_drop (30, 1, 2)", false},
    {"auditor", "UPDATE trail SET record = 'y'", false},
    {"auditor", "DELETE FROM trail", false},
    {"auditor", "TRUNCATE trail", false},
    {"auditor", "UPDATE checkpoints SET digest = sha256 ('y')", false},
    {"auditor", "DELETE FROM checkpoints", false},
    {"auditor", "INSERT INTO outbox (record) VALUES ('x')", false},
    {"auditor", "UPDATE outbox SET record = 'y'", false},
    {"auditor", "SELECT number FROM markets", false},
    {"auditor", "SELECT number, last_access_at FROM tokens FOR NO KEY UPDATE", true},
    {"auditor", "UPDATE tokens SET last_access_at = now () WHERE number = 1", true},
    {"auditor", "SELECT digest FROM tokens", false},
    {"auditor", "SELECT name FROM tokens", false},
    {"auditor", "UPDATE tokens SET status = 1", false},
    {"auditor", "INSERT INTO use_log VALUES (1, 1, 1, 1, 1, 1, NULL, 'm', 'p', NULL, 1, 1, 1, 1)",
     true},
    {"auditor", "SELECT id, count FROM use_log", true},
    {"auditor", "UPDATE use_log SET count = 2", false},
    {"auditor", "DELETE FROM use_log", false},
    {"auditor", "TRUNCATE use_log", false},
    {"auditor", "SELECT id FROM use_log_1", false},
    {"auditor", "UPDATE use_head SET last = 1", true},
    {"auditor", "DELETE FROM use_head", false},
    {"auditor", "UPDATE use_fold SET folded = 1", true},
    {"auditor", "INSERT INTO use_sources VALUES ('0123456789abcdef', 1, now ())", true},
    {"auditor", "DELETE FROM use_sources", false},
    {"auditor", "INSERT INTO use_days VALUES (1, 1, 1, 1, 1)", true},
    {"auditor", "INSERT INTO token_use VALUES (1, 1)", true},
    {"auditor", "SELECT use_partition_ahead ()", true},
    {"auditor", "SELECT use_partition_close (1, 1000)", true},
    {"auditor", "SELECT use_partition_drop (30)", true},
    {"admin", "SELECT count FROM use_log", false},
    {"admin", "SELECT use_partition_drop (30)", false},
    {"issuer", "SELECT count FROM use_log", false},
    {"validator", "SELECT count FROM use_log", false},
    {"validator", "INSERT INTO use_log VALUES (1)", false},
    {"auditor", "INSERT INTO tokens (account) VALUES (1)", false},
    {"auditor", "DELETE FROM tokens", false},
    {"admin", "SELECT kid, public_key FROM signing_keys", true},
    {"auditor", "SELECT kid, public_key FROM signing_keys", true},
    {"auditor", "SELECT private_key FROM signing_keys", false},
    {"auditor", "SELECT number, account, username, role, status FROM users", true},
    {"auditor", "SELECT password_hash FROM users", false},
    {"auditor", "SELECT name FROM users", false},
    {"auditor", "SELECT number, status FROM accounts", true},
    {"auditor", "UPDATE users SET role = 3", false},
    {"auditor", "SELECT name FROM accounts", false},
    {"auditor", "INSERT INTO changes (kind, object, revision) VALUES ('token', 1, 1)", false},
    {"auditor",
     "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE xid < '1'::text::xid8)", true},
    {"auditor", "SELECT kind FROM changes", false},
    {"auditor", "UPDATE changes SET revision = 9", false},
    {"auditor", "CREATE TABLE mine (n int)", false},
};

START_TEST (roles_have_the_least_rights)
{
    struct migrate_options options = {.url = postgres_url (&postgres, "postgres", "postgres"),
                                      .schema_dir = "deploy/schema",
                                      .secrets_dir = postgres_secrets (&postgres),
                                      .out = fopen ("/dev/null", "w")};
    struct error error = {""};
    // Twice: what is there already does not widen either.
    for (int i = 0; i < 2; i++) {
        ck_assert_msg (migrate_run (&options, &error), "%s", error.text);
    }
    fclose (options.out);
    PGconn *pg = NULL;
    const char *role = "";
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        const struct right *right = &rights[i];
        if (strcmp (role, right->role) != 0) {
            char user[32];
            snprintf (user, sizeof user, "jeton_%s", role = right->role);
            PQfinish (pg);
            pg = postgres_connect (&postgres, user, "postgres");
        }
        PGresult *result = PQexec (pg, right->sql);
        const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
        const char *want = right->may ? "00000" : "42501";
        ck_assert_msg (strcmp (state ? state : "00000", want) == 0, "%s: %s: %s", role, right->sql,
                       state ? PQresultErrorMessage (result) : "was allowed");
        PQclear (result);
    }
    PQfinish (pg);
}
END_TEST

int
main (void)
{
    struct error error;
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (600);
    postgres_start (&postgres);
    Suite *suite = suite_create ("db_rights");
    TCase *tcase = tcase_create ("db_rights");
    tcase_add_test (tcase, roles_have_the_least_rights);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    // Not forked: the server belongs to this process.
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
