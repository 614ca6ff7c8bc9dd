-- The processes that write what validators go by: see services/validator/DESIGN.md.

-- Rises with each registration, in the order in which they commit: whoever registers holds a lock.
CREATE SEQUENCE writers_generation;

CREATE TABLE writers (
    endpoint    text PRIMARY KEY CHECK (length(endpoint) BETWEEN 1 AND 255),  -- where validators follow it
    role        name NOT NULL DEFAULT current_user,
    server_key  text NOT NULL CHECK (length(server_key) = 40),                -- of CURVE, Z85
    instance    bigint NOT NULL,   -- another one in each of its lives
    outage_ms   bigint NOT NULL CHECK (outage_ms BETWEEN 0 AND 3600000),      -- how long its word counts without a database
    generation  bigint NOT NULL UNIQUE,
    known       bigint NOT NULL,   -- the newest generation that it has announced to validators
    renewed     bigint NOT NULL DEFAULT 0,  -- another one at each renewal: others measure by their own clocks how long it does not change
    ended       boolean NOT NULL DEFAULT false
);

GRANT SELECT, INSERT, DELETE ON writers TO jeton_admin, jeton_issuer;
GRANT UPDATE (server_key, instance, outage_ms, generation, known, renewed, ended) ON writers TO jeton_admin, jeton_issuer;
GRANT USAGE ON SEQUENCE writers_generation TO jeton_admin, jeton_issuer;
GRANT SELECT ON writers TO jeton_validator;
