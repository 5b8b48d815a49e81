-- +goose Up

-- Places where operators see people in person. The name goes into every event an operator causes.
CREATE TABLE offices (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    closed_at  BIGINT,
    version    BIGINT NOT NULL,
    CONSTRAINT offices_name UNIQUE (name),
    CONSTRAINT offices_version CHECK (version >= 1)
);

-- Operators. enrol_hash: the one-time code on paper with which a new operator makes his first key.
CREATE TABLE operators (
    id             TEXT   NOT NULL PRIMARY KEY,
    login          TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    office_id      TEXT   NOT NULL REFERENCES offices (id),
    role           TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    password_hash  TEXT,
    totp           BYTEA,
    totp_last_step BIGINT NOT NULL,
    enrol_hash     BYTEA,
    enrol_until    BIGINT,
    created_at     BIGINT NOT NULL,
    version        BIGINT NOT NULL,
    CONSTRAINT operators_login UNIQUE (login),
    CONSTRAINT operators_role CHECK (role IN ('operator', 'senior', 'auditor', 'administrator')),
    CONSTRAINT operators_state CHECK (state IN ('invited', 'active', 'suspended')),
    CONSTRAINT operators_enrol CHECK ((enrol_hash IS NULL) = (enrol_until IS NULL)),
    CONSTRAINT operators_second CHECK ((password_hash IS NULL) = (totp IS NULL)),
    CONSTRAINT operators_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX operators_enrolling ON operators (enrol_hash) WHERE enrol_hash IS NOT NULL;

-- Keys by which operators sign in; a credential is registered once, for one operator.
CREATE TABLE operator_keys (
    id            TEXT   NOT NULL PRIMARY KEY,
    operator_id   TEXT   NOT NULL REFERENCES operators (id),
    credential_id BYTEA  NOT NULL,
    sealed        BYTEA  NOT NULL,
    sign_count    BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    used_at       BIGINT,
    ended_at      BIGINT,
    CONSTRAINT operator_keys_credential UNIQUE (credential_id),
    CONSTRAINT operator_keys_count CHECK (sign_count >= 0)
);
CREATE INDEX operator_keys_operator ON operator_keys (operator_id) WHERE ended_at IS NULL;

CREATE TABLE operator_challenges (
    purpose    TEXT   NOT NULL,
    bound      TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    PRIMARY KEY (purpose, bound),
    CONSTRAINT operator_challenges_purpose CHECK (purpose IN ('enrol', 'sign_in'))
);
CREATE INDEX operator_challenges_expires ON operator_challenges (expires_at);

CREATE TABLE operator_sessions (
    id          TEXT   NOT NULL PRIMARY KEY,
    token_hash  BYTEA  NOT NULL,
    operator_id TEXT   NOT NULL REFERENCES operators (id),
    way         TEXT   NOT NULL,
    device      TEXT   NOT NULL,
    area        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    CONSTRAINT operator_sessions_token UNIQUE (token_hash),
    CONSTRAINT operator_sessions_way CHECK (way IN ('passkey', 'totp'))
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator_id) WHERE ended_at IS NULL;
CREATE INDEX operator_sessions_expires ON operator_sessions (expires_at);

-- One visit of one person: why, and which document was seen. Never a scan, never a whole number.
-- phone: a new number, sealed, from the moment its code is sent until the case is over.
CREATE TABLE desk_cases (
    id             TEXT   NOT NULL PRIMARY KEY,
    account_id     TEXT   NOT NULL REFERENCES accounts (id),
    operator_id    TEXT   NOT NULL REFERENCES operators (id),
    office_id      TEXT   NOT NULL REFERENCES offices (id),
    reason         TEXT   NOT NULL,
    document_kind  TEXT   NOT NULL,
    document_last4 TEXT   NOT NULL,
    phone          BYTEA,
    opened_at      BIGINT NOT NULL,
    closes_at      BIGINT NOT NULL,
    closed_at      BIGINT,
    version        BIGINT NOT NULL,
    CONSTRAINT desk_cases_last4 CHECK (length(document_last4) = 4),
    CONSTRAINT desk_cases_life CHECK (closes_at > opened_at),
    CONSTRAINT desk_cases_wiped CHECK (closed_at IS NULL OR phone IS NULL),
    CONSTRAINT desk_cases_version CHECK (version >= 1)
);
CREATE INDEX desk_cases_account ON desk_cases (account_id, opened_at);
CREATE INDEX desk_cases_operator ON desk_cases (operator_id, opened_at);

-- What was done or proposed in a case. two: it needs a second operator. An act that needed two and was approved has a
-- second operator who is not the first: no row can say otherwise.
CREATE TABLE desk_acts (
    id          TEXT    NOT NULL PRIMARY KEY,
    case_id     TEXT    NOT NULL REFERENCES desk_cases (id),
    account_id  TEXT    NOT NULL REFERENCES accounts (id),
    kind        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    two         BOOLEAN NOT NULL,
    proposer_id TEXT    NOT NULL REFERENCES operators (id),
    office_id   TEXT    NOT NULL REFERENCES offices (id),
    second_id   TEXT    REFERENCES operators (id),
    link_id     TEXT,
    payload     BYTEA,
    facts       BYTEA   NOT NULL,
    paper       BYTEA,
    paper_until BIGINT,
    printed_at  BIGINT,
    why         TEXT    NOT NULL,
    proposed_at BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    decided_at  BIGINT,
    version     BIGINT  NOT NULL,
    CONSTRAINT desk_acts_kind CHECK (kind IN ('confirm', 'name', 'phone', 'thaw', 'unlock', 'end_link', 'recover')),
    CONSTRAINT desk_acts_state CHECK (state IN ('proposed', 'approved', 'refused', 'expired', 'withdrawn')),
    CONSTRAINT desk_acts_others CHECK (second_id IS NULL OR second_id <> proposer_id),
    CONSTRAINT desk_acts_two CHECK (NOT two OR state <> 'approved' OR second_id IS NOT NULL),
    CONSTRAINT desk_acts_always_two CHECK (two OR kind <> 'end_link'),
    CONSTRAINT desk_acts_alone CHECK (two OR state = 'approved'),
    CONSTRAINT desk_acts_over CHECK ((state = 'proposed') = (decided_at IS NULL)),
    CONSTRAINT desk_acts_wiped CHECK (state = 'proposed' OR payload IS NULL),
    CONSTRAINT desk_acts_paper CHECK (paper IS NULL OR (kind = 'recover' AND state = 'approved' AND printed_at IS NULL AND paper_until IS NOT NULL)),
    CONSTRAINT desk_acts_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX desk_acts_one_open ON desk_acts (account_id, kind) WHERE state = 'proposed';
CREATE INDEX desk_acts_case ON desk_acts (case_id);
CREATE INDEX desk_acts_queue ON desk_acts (expires_at) WHERE state = 'proposed';

-- What auditors search by.
CREATE INDEX events_operator ON events (seq) WHERE actor = 'operator';
CREATE INDEX events_request ON events (request_id) WHERE actor = 'operator';
