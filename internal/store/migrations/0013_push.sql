-- +goose Up

-- Browsers that get notices. sealed: endpoint and keys, as long as the browser may be written to. session_id: the session
-- in which the browser was last seen; it may be long over, and swept, so nothing refers to it.
CREATE TABLE push_browsers (
    id            TEXT   NOT NULL PRIMARY KEY,
    account_id    TEXT   NOT NULL REFERENCES accounts (id),
    session_id    TEXT   NOT NULL,
    endpoint_hash BYTEA  NOT NULL,
    sealed        BYTEA,
    device        TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    ended_at      BIGINT,
    ended_why     TEXT,
    CONSTRAINT push_browsers_seen CHECK (seen_at >= created_at),
    CONSTRAINT push_browsers_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT push_browsers_wiped CHECK ((ended_at IS NULL) = (sealed IS NOT NULL))
);
CREATE UNIQUE INDEX push_browsers_endpoint ON push_browsers (endpoint_hash) WHERE ended_at IS NULL;
CREATE INDEX push_browsers_account ON push_browsers (account_id) WHERE ended_at IS NULL;
CREATE INDEX push_browsers_session ON push_browsers (session_id) WHERE ended_at IS NULL;
CREATE INDEX push_browsers_over ON push_browsers (ended_at) WHERE ended_at IS NOT NULL;
