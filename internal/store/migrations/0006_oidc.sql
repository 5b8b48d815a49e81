-- +goose Up

-- Other information systems that sign people in through us. Lists are texts with a space between (addresses hold
-- none). secret_hash is of a random secret, shown once; jwks holds public keys only.
CREATE TABLE oidc_clients (
    id                     TEXT    NOT NULL PRIMARY KEY,
    name                   TEXT    NOT NULL,
    kind                   TEXT    NOT NULL,
    state                  TEXT    NOT NULL,
    auth_method            TEXT    NOT NULL,
    secret_hash            BYTEA,
    jwks                   TEXT,
    redirect_uris          TEXT    NOT NULL,
    post_logout_uris       TEXT    NOT NULL,
    backchannel_logout_uri TEXT,
    subject_type           TEXT    NOT NULL,
    sector                 TEXT    NOT NULL,
    scopes                 TEXT    NOT NULL,
    id_token_alg           TEXT    NOT NULL,
    dpop_required          BOOLEAN NOT NULL,
    require_par            BOOLEAN NOT NULL,
    created_at             BIGINT  NOT NULL,
    changed_at             BIGINT  NOT NULL,
    version                BIGINT  NOT NULL,
    CONSTRAINT oidc_clients_kind CHECK (kind IN ('web', 'resource')),
    CONSTRAINT oidc_clients_state CHECK (state IN ('active', 'disabled')),
    CONSTRAINT oidc_clients_auth CHECK ((auth_method = 'client_secret_basic' AND secret_hash IS NOT NULL AND jwks IS NULL)
        OR (auth_method = 'private_key_jwt' AND secret_hash IS NULL AND jwks IS NOT NULL)),
    CONSTRAINT oidc_clients_subject CHECK (subject_type IN ('pairwise', 'public')),
    CONSTRAINT oidc_clients_alg CHECK (id_token_alg IN ('RS256', 'ES256')),
    CONSTRAINT oidc_clients_version CHECK (version >= 1)
);

-- Signing keys: announced, then signing, then retired and still published until what they signed has lapsed. Of each
-- algorithm one announces and one signs. sealed is the private part; it goes when the key retires.
CREATE TABLE oidc_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    alg          TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    public       TEXT   NOT NULL,
    sealed       BYTEA,
    announced_at BIGINT NOT NULL,
    signing_at   BIGINT,
    retired_at   BIGINT,
    served_until BIGINT,
    CONSTRAINT oidc_keys_alg CHECK (alg IN ('RS256', 'ES256')),
    CONSTRAINT oidc_keys_state CHECK (state IN ('announced', 'signing', 'retired')),
    CONSTRAINT oidc_keys_private CHECK ((state = 'retired') = (sealed IS NULL)),
    CONSTRAINT oidc_keys_signing CHECK (state = 'announced' OR signing_at IS NOT NULL),
    CONSTRAINT oidc_keys_retired CHECK ((state = 'retired') = (retired_at IS NOT NULL) AND (retired_at IS NULL) = (served_until IS NULL))
);
CREATE UNIQUE INDEX oidc_keys_announced ON oidc_keys (alg) WHERE state = 'announced';
CREATE UNIQUE INDEX oidc_keys_one ON oidc_keys (alg) WHERE state = 'signing';

-- Requests to sign in, pushed by a system (RFC 9126) or brought by a browser. sealed: the checked request.
CREATE TABLE oidc_requests (
    id         TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES oidc_clients (id),
    ref_hash   BYTEA,
    state      TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT oidc_requests_ref UNIQUE (ref_hash),
    CONSTRAINT oidc_requests_state CHECK (state IN ('pushed', 'open', 'done')),
    CONSTRAINT oidc_requests_pushed CHECK (state <> 'pushed' OR ref_hash IS NOT NULL)
);
CREATE INDEX oidc_requests_expires ON oidc_requests (expires_at);

-- What a person agreed to hand over to a system, and until when.
CREATE TABLE oidc_grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    client_id  TEXT   NOT NULL REFERENCES oidc_clients (id),
    subject    TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    claims     TEXT   NOT NULL,
    given_at   BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT,
    ended_why  TEXT,
    version    BIGINT NOT NULL,
    CONSTRAINT oidc_grants_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT oidc_grants_version CHECK (version >= 1)
);
CREATE UNIQUE INDEX oidc_grants_one ON oidc_grants (account_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX oidc_grants_subject ON oidc_grants (client_id, subject);

-- A person's visit to a system from one signed-in browser: what a logout token names (sid). told_at: the system has
-- been told of the end, or has no address for it.
CREATE TABLE oidc_sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES oidc_clients (id),
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    session_id TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    ended_why  TEXT,
    told_at    BIGINT,
    CONSTRAINT oidc_sessions_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT oidc_sessions_told CHECK (told_at IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX oidc_sessions_one ON oidc_sessions (session_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX oidc_sessions_account ON oidc_sessions (account_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX oidc_sessions_untold ON oidc_sessions (ended_at) WHERE ended_at IS NOT NULL AND told_at IS NULL;

-- One authorization code and every token that came of it: they end together.
CREATE TABLE oidc_families (
    id           TEXT   NOT NULL PRIMARY KEY,
    client_id    TEXT   NOT NULL REFERENCES oidc_clients (id),
    account_id   TEXT   NOT NULL REFERENCES accounts (id),
    grant_id     TEXT   NOT NULL REFERENCES oidc_grants (id),
    sid          TEXT   NOT NULL REFERENCES oidc_sessions (id),
    code_hash    BYTEA  NOT NULL,
    code_until   BIGINT NOT NULL,
    used_at      BIGINT,
    redirect_uri TEXT   NOT NULL,
    challenge    TEXT   NOT NULL,
    nonce        TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    claims       TEXT   NOT NULL,
    acr          TEXT   NOT NULL,
    amr          TEXT   NOT NULL,
    auth_time    BIGINT NOT NULL,
    jkt          TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    ended_why    TEXT,
    version      BIGINT NOT NULL,
    CONSTRAINT oidc_families_code UNIQUE (code_hash),
    CONSTRAINT oidc_families_until CHECK (code_until <= expires_at),
    CONSTRAINT oidc_families_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT oidc_families_version CHECK (version >= 1)
);
CREATE INDEX oidc_families_account ON oidc_families (account_id) WHERE ended_at IS NULL;
CREATE INDEX oidc_families_sid ON oidc_families (sid) WHERE ended_at IS NULL;
CREATE INDEX oidc_families_grant ON oidc_families (grant_id) WHERE ended_at IS NULL;
CREATE INDEX oidc_families_expires ON oidc_families (expires_at);

-- Access and refresh tokens. jkt binds an access token to a key (RFC 9449). used_at: a refresh token works once.
CREATE TABLE oidc_tokens (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    family_id  TEXT   NOT NULL REFERENCES oidc_families (id),
    scopes     TEXT   NOT NULL,
    jkt        TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    ended_at   BIGINT,
    CONSTRAINT oidc_tokens_kind CHECK (kind IN ('access', 'refresh')),
    CONSTRAINT oidc_tokens_used CHECK (used_at IS NULL OR kind = 'refresh')
);
CREATE INDEX oidc_tokens_family ON oidc_tokens (family_id);
CREATE INDEX oidc_tokens_expires ON oidc_tokens (expires_at);

-- Proofs that work once: client assertions and DPoP proofs, by keyed hash of who made them and their jti.
CREATE TABLE oidc_replays (
    kind       TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, hash),
    CONSTRAINT oidc_replays_kind CHECK (kind IN ('assertion', 'dpop'))
);
CREATE INDEX oidc_replays_expires ON oidc_replays (expires_at);
