-- +goose Up

-- Invitations and, once accepted, links. What the sender typed about the other person is kept as
-- keyed hashes, exactly until the invitation is answered.
CREATE TABLE links (
    id            TEXT    NOT NULL PRIMARY KEY,
    principal_id  TEXT    NOT NULL REFERENCES accounts (id),
    contact_id    TEXT    REFERENCES accounts (id),
    state         TEXT    NOT NULL,
    label         TEXT    NOT NULL,
    name_hash     BYTEA,
    phone_hash    BYTEA,
    invited_at    BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    accepted_at   BIGINT,
    settles_at    BIGINT,
    leaving_since BIGINT,
    leaves_at     BIGINT,
    quiet         BOOLEAN NOT NULL,
    why           TEXT    NOT NULL,
    ended_at      BIGINT,
    end_reason    TEXT    NOT NULL,
    version       BIGINT  NOT NULL,
    CONSTRAINT links_state CHECK (state IN ('invited', 'active', 'suspended', 'leaving', 'declined', 'withdrawn', 'expired', 'ended')),
    CONSTRAINT links_people CHECK (contact_id IS NULL OR contact_id <> principal_id),
    CONSTRAINT links_contact CHECK ((state IN ('active', 'suspended', 'leaving', 'ended')) = (contact_id IS NOT NULL)),
    CONSTRAINT links_accepted CHECK ((contact_id IS NULL) = (accepted_at IS NULL) AND (contact_id IS NULL) = (settles_at IS NULL)),
    CONSTRAINT links_hashes CHECK ((state = 'invited') = (name_hash IS NOT NULL) AND (state = 'invited') = (phone_hash IS NOT NULL)),
    CONSTRAINT links_forgotten CHECK (state NOT IN ('declined', 'withdrawn', 'expired') OR label = ''),
    CONSTRAINT links_leaving CHECK (state <> 'leaving' OR (leaves_at IS NOT NULL AND leaving_since IS NOT NULL)),
    CONSTRAINT links_over CHECK ((state IN ('declined', 'withdrawn', 'expired', 'ended')) = (ended_at IS NOT NULL)),
    CONSTRAINT links_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX links_one_guard ON links (principal_id, contact_id) WHERE state IN ('active', 'suspended', 'leaving');
CREATE UNIQUE INDEX links_one_invitation ON links (principal_id, phone_hash) WHERE state = 'invited';
CREATE INDEX links_principal ON links (principal_id, state);
CREATE INDEX links_contact ON links (contact_id, state);
CREATE INDEX links_invited ON links (phone_hash) WHERE state = 'invited';

-- "No more invitations from this person", which that person never learns.
CREATE TABLE invitation_blocks (
    contact_id   TEXT   NOT NULL REFERENCES accounts (id),
    principal_id TEXT   NOT NULL REFERENCES accounts (id),
    at           BIGINT NOT NULL,
    PRIMARY KEY (contact_id, principal_id)
);

-- Attempts to get a new password without the old one. A row without an account is a decoy: the
-- identifier named nobody, and it can never get past its first step.
CREATE TABLE recoveries (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    REFERENCES accounts (id),
    browser_hash BYTEA   NOT NULL,
    state        TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    area         TEXT    NOT NULL,
    guarded      BOOLEAN NOT NULL,
    needed       BIGINT  NOT NULL,
    started_at   BIGINT  NOT NULL,
    proven_at    BIGINT,
    expires_at   BIGINT  NOT NULL,
    ended_at     BIGINT,
    end_reason   TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    CONSTRAINT recoveries_browser UNIQUE (browser_hash),
    CONSTRAINT recoveries_state CHECK (state IN ('proving', 'awaiting_contact', 'approved', 'verified', 'completed',
        'rejected', 'disowned', 'expired', 'cancelled', 'superseded', 'locked_out')),
    CONSTRAINT recoveries_channel CHECK (channel IN ('sms', 'email')),
    CONSTRAINT recoveries_decoy CHECK (account_id IS NOT NULL OR state IN ('proving', 'expired', 'cancelled', 'locked_out')),
    CONSTRAINT recoveries_proven CHECK (state NOT IN ('awaiting_contact', 'approved', 'verified', 'completed', 'rejected', 'disowned', 'superseded')
        OR proven_at IS NOT NULL),
    CONSTRAINT recoveries_guarded CHECK (state NOT IN ('awaiting_contact', 'rejected') OR guarded),
    CONSTRAINT recoveries_over CHECK ((state IN ('proving', 'awaiting_contact', 'approved', 'verified')) = (ended_at IS NULL)),
    CONSTRAINT recoveries_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX recoveries_one_open ON recoveries (account_id) WHERE state IN ('awaiting_contact', 'approved', 'verified');
CREATE INDEX recoveries_account ON recoveries (account_id, started_at);
CREATE INDEX recoveries_started ON recoveries (started_at);

-- Guarded actions other than a recovery.
CREATE TABLE guarded_actions (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    session_id TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    needed     BIGINT NOT NULL,
    device     TEXT   NOT NULL,
    area       TEXT   NOT NULL,
    payload    BYTEA,
    started_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT,
    end_reason TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    CONSTRAINT guarded_actions_kind CHECK (kind IN ('unfreeze', 'change_phone', 'remove_factor', 'remove_contact', 'sign_in', 'rehearsal')),
    CONSTRAINT guarded_actions_state CHECK (state IN ('waiting', 'approved', 'done', 'rejected', 'expired', 'cancelled')),
    CONSTRAINT guarded_actions_over CHECK ((state IN ('waiting', 'approved')) = (ended_at IS NULL)),
    CONSTRAINT guarded_actions_wiped CHECK (ended_at IS NULL OR payload IS NULL),
    CONSTRAINT guarded_actions_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX guarded_actions_one_open ON guarded_actions (account_id, kind) WHERE state IN ('waiting', 'approved');

-- One contact's decision on one recovery or action. An approval without five times yes is impossible.
CREATE TABLE approvals (
    id           TEXT    NOT NULL PRIMARY KEY,
    action       TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    principal_id TEXT    NOT NULL REFERENCES accounts (id),
    contact_id   TEXT    NOT NULL REFERENCES accounts (id),
    link_id      TEXT    NOT NULL REFERENCES links (id),
    state        TEXT    NOT NULL,
    answers      TEXT    NOT NULL,
    misses       BIGINT  NOT NULL,
    reason       TEXT    NOT NULL,
    asked_at     BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    decided_at   BIGINT,
    second_asked BOOLEAN NOT NULL,
    version      BIGINT  NOT NULL,
    CONSTRAINT approvals_once UNIQUE (object_id, contact_id),
    CONSTRAINT approvals_state CHECK (state IN ('asked', 'checked', 'matched', 'flagged', 'approved', 'rejected', 'closed')),
    CONSTRAINT approvals_checked CHECK (state NOT IN ('checked', 'matched', 'approved') OR answers = 'yes,yes,yes,yes,yes'),
    CONSTRAINT approvals_decided CHECK ((state IN ('approved', 'rejected', 'closed')) = (decided_at IS NOT NULL)),
    CONSTRAINT approvals_misses CHECK (misses >= 0),
    CONSTRAINT approvals_version CHECK (version >= 1)
);
CREATE INDEX approvals_contact ON approvals (contact_id, asked_at);
CREATE INDEX approvals_principal ON approvals (principal_id, asked_at);
