-- +goose Up

-- The switches of a principal: what his contacts guard besides the recovery of access, and whether two of
-- them must agree. A switch nobody touched has no row and stands as the rules set it. A switch goes on at
-- once; going off takes time (off_at), in which it still guards.
CREATE TABLE guards (
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    name       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    off_at     BIGINT,
    version    BIGINT NOT NULL,
    PRIMARY KEY (account_id, name),
    CONSTRAINT guards_name CHECK (name IN ('change_phone', 'remove_factor', 'remove_contact', 'tell_sign_in', 'quorum')),
    CONSTRAINT guards_state CHECK (state IN ('off', 'on', 'falling')),
    CONSTRAINT guards_falling CHECK ((state = 'falling') = (off_at IS NOT NULL)),
    CONSTRAINT guards_version CHECK (version >= 1)
);
