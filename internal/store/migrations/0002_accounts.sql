-- +goose Up

-- A person's identity record. phone_current: the phone is verified and neither taken over nor
-- reported as reassigned, so it may be written to; hashes are keyed (invitations are matched by them).
CREATE TABLE accounts (
    id                    TEXT    NOT NULL PRIMARY KEY,
    level                 TEXT    NOT NULL,
    state                 TEXT    NOT NULL,
    family                TEXT    NOT NULL,
    given                 TEXT    NOT NULL,
    patronymic            TEXT    NOT NULL,
    name_hash             BYTEA   NOT NULL,
    birth_date            TEXT,
    citizenship           TEXT,
    snils                 TEXT,
    document_kind         TEXT,
    document_last4        TEXT,
    document_hash         BYTEA,
    phone                 TEXT,
    phone_hash            BYTEA,
    phone_current         BOOLEAN NOT NULL,
    phone_verified_at     BIGINT,
    phone_confirmed_at    BIGINT,
    phone_lost_at         BIGINT,
    phone_changed_at      BIGINT,
    sim_changed_at        BIGINT,
    email                 TEXT,
    email_key             TEXT,
    email_verified_at     BIGINT,
    password_hash         TEXT,
    password_changed_at   BIGINT,
    must_change_password  BOOLEAN NOT NULL,
    factor_changed_at     BIGINT,
    recovered_at          BIGINT,
    hold_until            BIGINT,
    recovery_locked_until BIGINT,
    frozen_at             BIGINT,
    freeze_reason         TEXT,
    confirmed_at          BIGINT,
    quorum                BIGINT  NOT NULL,
    locale                TEXT    NOT NULL,
    created_at            BIGINT  NOT NULL,
    version               BIGINT  NOT NULL,
    CONSTRAINT accounts_level CHECK (level IN ('simplified', 'standard', 'confirmed')),
    CONSTRAINT accounts_state CHECK (state IN ('open', 'frozen', 'closed')),
    CONSTRAINT accounts_frozen CHECK ((state <> 'frozen') OR (frozen_at IS NOT NULL AND freeze_reason IS NOT NULL)),
    CONSTRAINT accounts_known CHECK (level = 'simplified' OR (birth_date IS NOT NULL AND citizenship IS NOT NULL AND snils IS NOT NULL)),
    CONSTRAINT accounts_confirmed CHECK ((level = 'confirmed') = (confirmed_at IS NOT NULL)),
    CONSTRAINT accounts_snils CHECK (snils IS NULL OR length(snils) = 11),
    CONSTRAINT accounts_phone CHECK ((phone IS NULL) = (phone_hash IS NULL)),
    CONSTRAINT accounts_phone_current CHECK (NOT phone_current OR (phone IS NOT NULL AND phone_verified_at IS NOT NULL AND phone_lost_at IS NULL)),
    CONSTRAINT accounts_email CHECK ((email IS NULL) = (email_key IS NULL) AND (email_verified_at IS NULL OR email IS NOT NULL)),
    CONSTRAINT accounts_password CHECK ((password_hash IS NULL) = (password_changed_at IS NULL)),
    CONSTRAINT accounts_locale CHECK (locale IN ('ru', 'en')),
    CONSTRAINT accounts_quorum CHECK (quorum IN (1, 2)),
    CONSTRAINT accounts_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX accounts_phone_one ON accounts (phone) WHERE phone_current;
CREATE UNIQUE INDEX accounts_email_one ON accounts (email_key) WHERE email_verified_at IS NOT NULL;
CREATE UNIQUE INDEX accounts_snils_one ON accounts (snils) WHERE snils IS NOT NULL;
CREATE INDEX accounts_phone_hash ON accounts (phone_hash) WHERE phone_current;

-- A code generator. A key without confirmed_at proves nothing yet.
CREATE TABLE totp (
    account_id   TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (id),
    sealed       BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step    BIGINT NOT NULL
);

-- Accounts that do not exist yet: the phone has to answer first.
CREATE TABLE registrations (
    id            TEXT   NOT NULL PRIMARY KEY,
    token_hash    BYTEA  NOT NULL,
    state         TEXT   NOT NULL,
    family        TEXT   NOT NULL,
    given         TEXT   NOT NULL,
    patronymic    TEXT   NOT NULL,
    phone         TEXT   NOT NULL,
    email         TEXT,
    password_hash TEXT,
    locale        TEXT   NOT NULL,
    account_id    TEXT   REFERENCES accounts (id),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    code_sent_at  BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    CONSTRAINT registrations_token UNIQUE (token_hash),
    CONSTRAINT registrations_state CHECK (state IN ('pending', 'done', 'failed')),
    CONSTRAINT registrations_done CHECK ((state = 'done') = (account_id IS NOT NULL)),
    CONSTRAINT registrations_password CHECK ((state = 'pending') = (password_hash IS NOT NULL))
);
CREATE INDEX registrations_expires ON registrations (expires_at);

-- Wishes to have an e-mail address, waiting for the mailbox. At most one is live for an account.
CREATE TABLE email_links (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    email      TEXT   NOT NULL,
    token_hash BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT,
    CONSTRAINT email_links_token UNIQUE (token_hash)
);
CREATE UNIQUE INDEX email_links_one ON email_links (account_id) WHERE ended_at IS NULL;
CREATE INDEX email_links_expires ON email_links (expires_at);

-- Browsers that people signed in from before.
CREATE TABLE devices (
    id            TEXT   NOT NULL PRIMARY KEY,
    account_id    TEXT   NOT NULL REFERENCES accounts (id),
    token_hash    BYTEA  NOT NULL,
    device        TEXT   NOT NULL,
    area          TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    ended_at      BIGINT,
    CONSTRAINT devices_token UNIQUE (token_hash)
);
CREATE INDEX devices_account ON devices (account_id) WHERE ended_at IS NULL;

-- Sign-ins whose password was right and whose second factor is awaited.
CREATE TABLE sign_ins (
    id           TEXT   NOT NULL PRIMARY KEY,
    token_hash   BYTEA  NOT NULL,
    account_id   TEXT   NOT NULL REFERENCES accounts (id),
    state        TEXT   NOT NULL,
    method       TEXT   NOT NULL,
    tries        BIGINT NOT NULL,
    device_id    TEXT   REFERENCES devices (id),
    device       TEXT   NOT NULL,
    area         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    code_sent_at BIGINT,
    version      BIGINT NOT NULL,
    CONSTRAINT sign_ins_token UNIQUE (token_hash),
    CONSTRAINT sign_ins_state CHECK (state IN ('pending', 'done', 'failed', 'ended')),
    CONSTRAINT sign_ins_method CHECK (method IN ('', 'sms', 'totp')),
    CONSTRAINT sign_ins_tries CHECK (tries >= 0)
);
CREATE INDEX sign_ins_account ON sign_ins (account_id) WHERE state = 'pending';
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);

-- Signed-in browsers. Ended rows stay for a while: "when did that end, and why".
CREATE TABLE sessions (
    id                TEXT   NOT NULL PRIMARY KEY,
    token_hash        BYTEA  NOT NULL,
    account_id        TEXT   NOT NULL REFERENCES accounts (id),
    kind              TEXT   NOT NULL,
    amr               TEXT   NOT NULL,
    device_id         TEXT   REFERENCES devices (id),
    device            TEXT   NOT NULL,
    area              TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    seen_at           BIGINT NOT NULL,
    expires_at        BIGINT NOT NULL,
    step_up_at        BIGINT,
    proof_method      TEXT   NOT NULL,
    proof_begun_at    BIGINT,
    proof_code_at     BIGINT,
    proof_tries       BIGINT NOT NULL,
    ended_at          BIGINT,
    ended_why         TEXT,
    version           BIGINT NOT NULL,
    CONSTRAINT sessions_token UNIQUE (token_hash),
    CONSTRAINT sessions_kind CHECK (kind IN ('full', 'restricted')),
    CONSTRAINT sessions_proof CHECK (proof_method IN ('', 'sms', 'totp')),
    CONSTRAINT sessions_tries CHECK (proof_tries >= 0),
    CONSTRAINT sessions_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL))
);
CREATE INDEX sessions_account ON sessions (account_id, created_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_expires ON sessions (expires_at);

-- How far the import of a file has come.
CREATE TABLE imports (
    file_hash  TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    last_line  BIGINT NOT NULL,
    accepted   BIGINT NOT NULL,
    rejected   BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    done_at    BIGINT,
    version    BIGINT NOT NULL,
    CONSTRAINT imports_counts CHECK (last_line >= 0 AND accepted >= 0 AND rejected >= 0)
);
