-- +goose Up

-- asked_from: keyed hash of the network area from which the message was caused. repeated: an earlier attempt may have
-- gone out, so the reader may have it twice. delivered_at: the channel itself put it into the reader's hands.
ALTER TABLE outbox ADD COLUMN asked_from BYTEA;
ALTER TABLE outbox ADD COLUMN repeated BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE outbox ADD COLUMN delivered_at BIGINT;
CREATE INDEX outbox_account ON outbox (account_id, id);
CREATE INDEX outbox_codes ON outbox (created_at) WHERE carries_code = TRUE;

-- The ledger: under which name a carrier took a message, or a part of it, and what it has said of it since. A part that
-- was handed over twice has two rows.
CREATE TABLE message_parts (
    carrier      TEXT   NOT NULL,
    carrier_id   TEXT   NOT NULL,
    message_id   TEXT   NOT NULL,
    part         BIGINT NOT NULL,
    parts        BIGINT NOT NULL,
    submitted_at BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    code         TEXT   NOT NULL,
    reported_at  BIGINT,
    PRIMARY KEY (carrier, carrier_id, message_id),
    CONSTRAINT message_parts_part CHECK (part >= 1 AND part <= parts),
    CONSTRAINT message_parts_state CHECK (state IN ('submitted', 'underway', 'arrived', 'timed_out', 'lost', 'uncertain')),
    CONSTRAINT message_parts_reported CHECK ((state = 'submitted') = (reported_at IS NULL))
);
CREATE INDEX message_parts_message ON message_parts (message_id);
CREATE INDEX message_parts_submitted ON message_parts (submitted_at);

-- Receipts that came before the line of the ledger they belong to: a centre may be quicker than our commit, and
-- may give the receipt to another process.
CREATE TABLE stray_receipts (
    carrier      TEXT   NOT NULL,
    carrier_id   TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    address_hash BYTEA,
    code         TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (carrier, carrier_id, state),
    CONSTRAINT stray_receipts_state CHECK (state IN ('underway', 'arrived', 'timed_out', 'lost', 'uncertain'))
);
CREATE INDEX stray_receipts_at ON stray_receipts (at);

-- What came too late, and what a process that died has claimed, is looked for with every claim.
CREATE INDEX outbox_late ON outbox (not_after) WHERE done_at IS NULL AND not_after IS NOT NULL;
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE lease_until IS NOT NULL;
