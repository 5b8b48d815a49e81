-- +goose Up

-- Keys by which people sign in. sealed: public key and flags. trusted_at: a key older than the newest recovery of
-- its account opens nothing alone. A credential is never registered twice, not even after its end.
CREATE TABLE passkeys (
    id            TEXT    NOT NULL PRIMARY KEY,
    account_id    TEXT    NOT NULL REFERENCES accounts (id),
    credential_id BYTEA   NOT NULL,
    name          TEXT    NOT NULL,
    sealed        BYTEA   NOT NULL,
    synced        BOOLEAN NOT NULL,
    sign_count    BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    trusted_at    BIGINT  NOT NULL,
    used_at       BIGINT,
    ended_at      BIGINT,
    ended_why     TEXT,
    version       BIGINT  NOT NULL,
    CONSTRAINT passkeys_credential UNIQUE (credential_id),
    CONSTRAINT passkeys_count CHECK (sign_count >= 0),
    CONSTRAINT passkeys_trusted CHECK (trusted_at >= created_at),
    CONSTRAINT passkeys_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT passkeys_version CHECK (version >= 1)
);
CREATE INDEX passkeys_account ON passkeys (account_id) WHERE ended_at IS NULL;

-- What a key has to sign: one for each purpose and object, answered once.
CREATE TABLE passkey_challenges (
    purpose    TEXT   NOT NULL,
    bound      TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    account_id TEXT   REFERENCES accounts (id),
    sealed     BYTEA  NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    PRIMARY KEY (purpose, bound),
    CONSTRAINT passkey_challenges_purpose CHECK (purpose IN ('register', 'sign_in', 'second', 'step_up', 'approval'))
);
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires_at);
