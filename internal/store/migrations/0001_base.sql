-- +goose Up
-- Times are Unix microseconds UTC. Each statement runs on SQLite and on PostgreSQL alike.

-- Small facts about this database, such as the version of the imported blocklist.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Messages to people. A row is written in the transaction that causes it and delivered later.
-- Address and args are sealed, and exist exactly as long as they are needed.
CREATE TABLE outbox (
    id           TEXT   NOT NULL PRIMARY KEY,
    key          TEXT   NOT NULL,
    channel      TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    account_id   TEXT,
    locale       TEXT   NOT NULL,
    address_hash BYTEA  NOT NULL,
    address      BYTEA,
    args         BYTEA,
    carries_code BOOLEAN NOT NULL,
    created_at   BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    not_after    BIGINT,
    state        TEXT   NOT NULL,
    attempt      BIGINT NOT NULL,
    owner        TEXT,
    lease_until  BIGINT,
    done_at      BIGINT,
    problem      TEXT,
    CONSTRAINT outbox_once UNIQUE (key, channel),
    CONSTRAINT outbox_channel CHECK (channel IN ('sms', 'email', 'push')),
    CONSTRAINT outbox_state CHECK (state IN ('pending', 'leased', 'sent', 'failed', 'expired', 'unknown')),
    CONSTRAINT outbox_lease CHECK ((state = 'leased') = (owner IS NOT NULL) AND (state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT outbox_done CHECK ((state IN ('pending', 'leased')) = (done_at IS NULL)),
    CONSTRAINT outbox_wiped CHECK ((state IN ('pending', 'leased')) = (args IS NOT NULL) AND (state IN ('pending', 'leased')) = (address IS NOT NULL)),
    CONSTRAINT outbox_attempt CHECK (attempt >= 0)
);
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE done_at IS NULL;
CREATE INDEX outbox_order ON outbox (address_hash, channel, id) WHERE done_at IS NULL;
CREATE INDEX outbox_finished ON outbox (done_at) WHERE done_at IS NOT NULL;

-- One timer of a kind for an object. Setting it again moves it; generation tells a running worker
-- that its timer was moved under its hands.
CREATE TABLE timers (
    kind        TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    due_at      BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    attempt     BIGINT NOT NULL,
    owner       TEXT,
    lease_until BIGINT,
    problem     TEXT,
    PRIMARY KEY (kind, object),
    CONSTRAINT timers_state CHECK (state IN ('pending', 'leased')),
    CONSTRAINT timers_lease CHECK ((state = 'leased') = (owner IS NOT NULL) AND (state = 'leased') = (lease_until IS NOT NULL)),
    CONSTRAINT timers_attempt CHECK (attempt >= 0 AND generation >= 1)
);
CREATE INDEX timers_due ON timers (due_at);

-- One-time codes: keyed hashes only.
CREATE TABLE codes (
    id         TEXT    NOT NULL PRIMARY KEY,
    purpose    TEXT    NOT NULL,
    bound      TEXT    NOT NULL,
    account_id TEXT,
    phone_hash BYTEA,
    hash       BYTEA   NOT NULL,
    recovers   BOOLEAN NOT NULL,
    state      TEXT    NOT NULL,
    tries      BIGINT  NOT NULL,
    issued_at  BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    ended_at   BIGINT,
    CONSTRAINT codes_state CHECK (state IN ('live', 'used', 'dropped')),
    CONSTRAINT codes_ended CHECK ((state = 'live') = (ended_at IS NULL)),
    CONSTRAINT codes_life CHECK (expires_at > issued_at),
    CONSTRAINT codes_tries CHECK (tries >= 0)
);
CREATE UNIQUE INDEX codes_one_live ON codes (purpose, bound) WHERE state = 'live';
CREATE INDEX codes_bound ON codes (bound, purpose, issued_at);
CREATE INDEX codes_phone ON codes (phone_hash, issued_at);
CREATE INDEX codes_issued ON codes (issued_at);

-- Which code lives on a phone: the lock that keeps a code that gives an account away from arriving
-- beside the code of an approval.
CREATE TABLE phone_slots (
    phone_hash BYTEA  NOT NULL PRIMARY KEY,
    code_id    TEXT   NOT NULL,
    purpose    TEXT   NOT NULL,
    bound      TEXT   NOT NULL,
    until      BIGINT NOT NULL
);
CREATE INDEX phone_slots_code ON phone_slots (code_id);
CREATE INDEX phone_slots_until ON phone_slots (until);

-- The append-only, hash-chained history.
CREATE TABLE events (
    seq        BIGINT NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    object     TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    office     TEXT   NOT NULL,
    area       TEXT   NOT NULL,
    device     TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    policy     TEXT   NOT NULL,
    facts      TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    CONSTRAINT events_seq CHECK (seq >= 1),
    CONSTRAINT events_actor CHECK (actor IN ('person', 'applicant', 'operator', 'system')),
    CONSTRAINT events_hash CHECK (length(hash) = 32)
);
CREATE INDEX events_object ON events (object, seq);

CREATE TABLE event_subjects (
    seq        BIGINT NOT NULL REFERENCES events (seq),
    pos        BIGINT NOT NULL,
    account_id TEXT   NOT NULL,
    PRIMARY KEY (seq, pos),
    CONSTRAINT event_subjects_pos CHECK (pos >= 0)
);
CREATE INDEX event_subjects_account ON event_subjects (account_id, seq);

-- The one locked row that says where the chain ends. The seal is made with a server key, so that
-- somebody who can only write to the database cannot re-hash the chain unnoticed.
CREATE TABLE audit_head (
    id   BIGINT NOT NULL PRIMARY KEY,
    seq  BIGINT NOT NULL,
    hash BYTEA,
    seal BYTEA,
    CONSTRAINT audit_head_one CHECK (id = 1),
    CONSTRAINT audit_head_seq CHECK (seq >= 0),
    CONSTRAINT audit_head_hash CHECK ((seq = 0) = (hash IS NULL) AND (seq = 0) = (seal IS NULL))
);
INSERT INTO audit_head (id, seq) VALUES (1, 0);

-- Theoretical arrival times of the rate limiter, by keyed hash of what is limited.
CREATE TABLE rate_limits (
    key BYTEA  NOT NULL PRIMARY KEY,
    tat BIGINT NOT NULL
);
CREATE INDEX rate_limits_tat ON rate_limits (tat);

-- What relying parties still have to be told about an account.
CREATE TABLE system_notices (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL,
    what       TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    drained_at BIGINT,
    CONSTRAINT system_notices_drained CHECK (drained_at IS NULL OR drained_at >= at)
);
CREATE INDEX system_notices_open ON system_notices (id) WHERE drained_at IS NULL;
