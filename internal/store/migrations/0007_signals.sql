-- +goose Up

-- Why something is told, and what belongs to one decision.
ALTER TABLE system_notices ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE system_notices ADD COLUMN txn TEXT NOT NULL DEFAULT '';

-- How a system wants to be told: at most one stream each. authorization_sealed is what a push says of itself.
CREATE TABLE signal_streams (
    id                   TEXT   NOT NULL PRIMARY KEY,
    client_id            TEXT   NOT NULL REFERENCES oidc_clients (id),
    status               TEXT   NOT NULL,
    reason               TEXT   NOT NULL,
    method               TEXT   NOT NULL,
    endpoint             TEXT,
    authorization_sealed BYTEA,
    events               TEXT   NOT NULL,
    description          TEXT   NOT NULL,
    verified_at          BIGINT,
    created_at           BIGINT NOT NULL,
    changed_at           BIGINT NOT NULL,
    version              BIGINT NOT NULL,
    CONSTRAINT signal_streams_client UNIQUE (client_id),
    CONSTRAINT signal_streams_status CHECK (status IN ('enabled', 'paused', 'disabled')),
    CONSTRAINT signal_streams_method CHECK ((method = 'push' AND endpoint IS NOT NULL) OR (method = 'poll' AND endpoint IS NULL AND authorization_sealed IS NULL)),
    CONSTRAINT signal_streams_version CHECK (version >= 1)
);

-- Whom a stream does not want to hear of: keyed hashes of names, of people we know and of nobody alike.
CREATE TABLE signal_removed (
    stream_id    TEXT   NOT NULL REFERENCES signal_streams (id),
    subject_hash BYTEA  NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (stream_id, subject_hash)
);

-- Tokens on their way to systems. cause: the notice or the ended session that a token tells of; lane: what must not
-- overtake each other.
CREATE TABLE signal_deliveries (
    id          TEXT   NOT NULL PRIMARY KEY,
    lane        TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    client_id   TEXT   NOT NULL REFERENCES oidc_clients (id),
    stream_id   TEXT,
    cause       TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    sid         TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    why         TEXT   NOT NULL,
    txn         TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    attempt     BIGINT NOT NULL,
    owner       TEXT,
    lease_until BIGINT,
    done_at     BIGINT,
    problem     TEXT,
    CONSTRAINT signal_deliveries_order UNIQUE (lane, seq),
    CONSTRAINT signal_deliveries_once UNIQUE (cause, lane, event),
    CONSTRAINT signal_deliveries_kind CHECK ((kind = 'set' AND stream_id IS NOT NULL) OR (kind = 'logout' AND stream_id IS NULL)),
    CONSTRAINT signal_deliveries_state CHECK (state IN ('pending', 'leased', 'delivered', 'failed', 'dropped')),
    CONSTRAINT signal_deliveries_lease CHECK ((state = 'leased') = (owner IS NOT NULL) AND (state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT signal_deliveries_done CHECK ((state IN ('pending', 'leased')) = (done_at IS NULL)),
    CONSTRAINT signal_deliveries_attempt CHECK (attempt >= 0)
);
CREATE INDEX signal_deliveries_due ON signal_deliveries (due_at, seq) WHERE done_at IS NULL;
CREATE INDEX signal_deliveries_lane ON signal_deliveries (lane, seq) WHERE done_at IS NULL;
CREATE INDEX signal_deliveries_finished ON signal_deliveries (done_at) WHERE done_at IS NOT NULL;

-- The one row that numbers tokens: whoever gives out numbers holds it until the commit, so that a lower number is
-- never written after a higher one was seen.
CREATE TABLE signal_head (
    id  BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    CONSTRAINT signal_head_one CHECK (id = 1),
    CONSTRAINT signal_head_seq CHECK (seq >= 0)
);
INSERT INTO signal_head (id, seq) VALUES (1, 0);
