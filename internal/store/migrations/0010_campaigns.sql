-- +goose Up

-- Who may work on campaigns. The right is looked up at every request.
CREATE TABLE campaign_staff (
    account_id TEXT   NOT NULL PRIMARY KEY REFERENCES accounts (id),
    granted_at BIGINT NOT NULL
);

-- letter: the common part of the covering letters, as JSON that SQL never looks into.
-- send_to, kits_to: work is asked for organisations with a smaller number.
CREATE TABLE campaigns (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    letter     TEXT    NOT NULL,
    counted    BOOLEAN NOT NULL,
    created_by TEXT    NOT NULL REFERENCES accounts (id),
    created_at BIGINT  NOT NULL,
    last_n     BIGINT  NOT NULL,
    send_to    BIGINT  NOT NULL,
    kits_to    BIGINT  NOT NULL,
    version    BIGINT  NOT NULL,
    CONSTRAINT campaigns_work CHECK (last_n >= 0 AND send_to BETWEEN 0 AND last_n AND kits_to BETWEEN 0 AND last_n),
    CONSTRAINT campaigns_version CHECK (version >= 1)
);

-- Organisations of a campaign. code: counts visits of the landing. message_key: the newest letter's row of the outbox;
-- delivery: what became of it, NULL while it waits.
CREATE TABLE campaign_recipients (
    id           TEXT    NOT NULL PRIMARY KEY,
    campaign_id  TEXT    NOT NULL REFERENCES campaigns (id),
    n            BIGINT  NOT NULL,
    org_id       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    region       TEXT    NOT NULL,
    municipality TEXT    NOT NULL,
    site         TEXT    NOT NULL,
    position     TEXT    NOT NULL,
    head         TEXT    NOT NULL,
    salutation   TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    their_number TEXT    NOT NULL,
    their_date   TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    letters      BIGINT  NOT NULL,
    sent_at      BIGINT,
    expires_at   BIGINT,
    opened_at    BIGINT,
    answered_at  BIGINT,
    message_key  TEXT,
    delivery     TEXT,
    settled_at   BIGINT,
    has_logo     BOOLEAN NOT NULL,
    kit_at       BIGINT,
    kit_bytes    BIGINT  NOT NULL,
    kit_problem  TEXT,
    version      BIGINT  NOT NULL,
    CONSTRAINT campaign_recipients_number UNIQUE (campaign_id, n),
    CONSTRAINT campaign_recipients_once UNIQUE (campaign_id, org_id),
    CONSTRAINT campaign_recipients_code UNIQUE (code),
    CONSTRAINT campaign_recipients_message UNIQUE (message_key),
    CONSTRAINT campaign_recipients_state CHECK (state IN ('listed', 'sent', 'opened', 'answered')),
    CONSTRAINT campaign_recipients_delivery CHECK (delivery IN ('sent', 'failed', 'unknown')),
    CONSTRAINT campaign_recipients_sent CHECK ((state = 'listed') = (sent_at IS NULL) AND (sent_at IS NULL) = (letters = 0)),
    CONSTRAINT campaign_recipients_link CHECK ((sent_at IS NULL) = (expires_at IS NULL) AND (sent_at IS NULL) = (message_key IS NULL)),
    CONSTRAINT campaign_recipients_opened CHECK (state NOT IN ('opened', 'answered') OR opened_at IS NOT NULL),
    CONSTRAINT campaign_recipients_answered CHECK ((state = 'answered') = (answered_at IS NOT NULL)),
    CONSTRAINT campaign_recipients_settled CHECK ((delivery IS NULL) = (settled_at IS NULL)),
    CONSTRAINT campaign_recipients_kit CHECK (kit_at IS NULL OR kit_problem IS NULL),
    CONSTRAINT campaign_recipients_version CHECK (version >= 1)
);

-- Small logos, drawn anew by us.
CREATE TABLE campaign_logos (
    recipient_id TEXT  NOT NULL PRIMARY KEY REFERENCES campaign_recipients (id),
    png          BYTEA NOT NULL
);

-- Where materials hang, as recipients report it. day: a civil date as text. jpeg: a picture drawn anew by us.
CREATE TABLE placements (
    id           TEXT   NOT NULL PRIMARY KEY,
    recipient_id TEXT   NOT NULL REFERENCES campaign_recipients (id),
    place        TEXT   NOT NULL,
    day          TEXT   NOT NULL,
    link         TEXT   NOT NULL,
    photo_id     TEXT,
    created_at   BIGINT NOT NULL,
    CONSTRAINT placements_photo UNIQUE (photo_id),
    CONSTRAINT placements_proof CHECK (link <> '' OR photo_id IS NOT NULL)
);
CREATE INDEX placements_recipient ON placements (recipient_id);

CREATE TABLE placement_photos (
    id   TEXT  NOT NULL PRIMARY KEY,
    jpeg BYTEA NOT NULL
);

-- Visits of the landing by placement code and week: a count, and nothing of whoever came.
CREATE TABLE placement_visits (
    code   TEXT   NOT NULL REFERENCES campaign_recipients (code),
    week   BIGINT NOT NULL,
    visits BIGINT NOT NULL,
    PRIMARY KEY (code, week),
    CONSTRAINT placement_visits_count CHECK (visits >= 1)
);
