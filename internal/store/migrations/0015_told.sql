-- +goose Up
-- former program: yes
-- this program before it: no

-- What a person may read later of what was sent to him: the address as only its owner recognises it («+7 ••• •••-45-67»),
-- and whether it told him, as a contact, of somebody else. Both go with the row (Sweep).
ALTER TABLE outbox ADD COLUMN masked TEXT;
ALTER TABLE outbox ADD COLUMN as_contact BOOLEAN NOT NULL DEFAULT FALSE;
