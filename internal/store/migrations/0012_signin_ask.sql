-- +goose Up

-- A sign-in from a new device may wait for the contacts: a switch more, and a state more of a sign-in. The
-- tables are made anew, because one engine of the two cannot change a CHECK.
CREATE TABLE guards_asking (
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    name       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    off_at     BIGINT,
    version    BIGINT NOT NULL,
    PRIMARY KEY (account_id, name),
    CONSTRAINT guards_name CHECK (name IN ('change_phone', 'remove_factor', 'remove_contact', 'tell_sign_in', 'ask_sign_in', 'quorum')),
    CONSTRAINT guards_state CHECK (state IN ('off', 'on', 'falling')),
    CONSTRAINT guards_falling CHECK ((state = 'falling') = (off_at IS NOT NULL)),
    CONSTRAINT guards_version CHECK (version >= 1)
);
INSERT INTO guards_asking (account_id, name, state, off_at, version) SELECT account_id, name, state, off_at, version FROM guards;
DROP TABLE guards;
ALTER TABLE guards_asking RENAME TO guards;

-- A waiting sign-in: both factors were right (amr), and action_id is asked of the contacts. remember is what the
-- person chose for the browser.
CREATE TABLE sign_ins_asking (
    id           TEXT    NOT NULL PRIMARY KEY,
    token_hash   BYTEA   NOT NULL,
    account_id   TEXT    NOT NULL REFERENCES accounts (id),
    state        TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    tries        BIGINT  NOT NULL,
    device_id    TEXT    REFERENCES devices (id),
    device       TEXT    NOT NULL,
    area         TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    code_sent_at BIGINT,
    version      BIGINT  NOT NULL,
    action_id    TEXT    REFERENCES guarded_actions (id),
    amr          TEXT    NOT NULL DEFAULT '',
    remember     BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT sign_ins_browser UNIQUE (token_hash),
    CONSTRAINT sign_ins_state CHECK (state IN ('pending', 'waiting', 'done', 'failed', 'ended')),
    CONSTRAINT sign_ins_waiting CHECK (state <> 'waiting' OR (action_id IS NOT NULL AND amr <> '')),
    CONSTRAINT sign_ins_method CHECK (method IN ('', 'sms', 'totp')),
    CONSTRAINT sign_ins_tries CHECK (tries >= 0)
);
INSERT INTO sign_ins_asking (id, token_hash, account_id, state, method, tries, device_id, device, area, created_at, expires_at, code_sent_at, version)
    SELECT id, token_hash, account_id, state, method, tries, device_id, device, area, created_at, expires_at, code_sent_at, version FROM sign_ins;
DROP TABLE sign_ins;
ALTER TABLE sign_ins_asking RENAME TO sign_ins;
CREATE INDEX sign_ins_account ON sign_ins (account_id) WHERE state IN ('pending', 'waiting');
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);
