-- +goose Up
-- The Merkle tree over the events, and its signed checkpoints. Rows are only ever added.

-- One locked row: whoever adds leaves or signs holds it. size is how many events have their leaf; epoch grows by one
-- when a backup is restored.
CREATE TABLE audit_log (
    id    BIGINT NOT NULL PRIMARY KEY,
    size  BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    CONSTRAINT audit_log_one CHECK (id = 1),
    CONSTRAINT audit_log_size CHECK (size >= 0),
    CONSTRAINT audit_log_epoch CHECK (epoch >= 1)
);
INSERT INTO audit_log (id, size, epoch) VALUES (1, 0, 1);

-- The salt of the commitments of one event.
CREATE TABLE audit_salts (
    seq  BIGINT NOT NULL PRIMARY KEY REFERENCES events (seq),
    salt BYTEA  NOT NULL,
    CONSTRAINT audit_salts_salt CHECK (length(salt) = 32)
);

-- The hashes of the tree in the order of tlog.StoredHashIndex.
CREATE TABLE audit_hashes (
    pos  BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA  NOT NULL,
    CONSTRAINT audit_hashes_pos CHECK (pos >= 0),
    CONSTRAINT audit_hashes_hash CHECK (length(hash) = 32)
);

CREATE TABLE audit_checkpoints (
    epoch     BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    signed    TEXT   NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (epoch, size),
    CONSTRAINT audit_checkpoints_size CHECK (size >= 1),
    CONSTRAINT audit_checkpoints_epoch CHECK (epoch >= 1)
);
