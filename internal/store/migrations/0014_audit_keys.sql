-- +goose Up
-- former program: yes
-- this program before it: no

-- Keys that sign the event log, oldest first: the public halves. hand_over: the statement, signed by this key and where it could be
-- by the one before, that this key follows; empty for the first.
CREATE TABLE audit_keys (
    n         BIGINT NOT NULL PRIMARY KEY,
    key       TEXT   NOT NULL,
    hand_over TEXT   NOT NULL,
    began_at  BIGINT NOT NULL,
    CONSTRAINT audit_keys_once UNIQUE (key),
    CONSTRAINT audit_keys_first CHECK (n >= 1 AND (n = 1) = (hand_over = ''))
);
