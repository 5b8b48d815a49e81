-- +goose Up
-- former program: yes
-- this program before it: no

-- When an operator's access was given, or given anew: for a while after it he takes no part in what needs two operators.
-- Empty: with the row itself (created_at), as the former program leaves it.
ALTER TABLE operators ADD COLUMN enrolled_at BIGINT;

-- Who was given access lately is on the first page of those who look after operators.
CREATE INDEX events_access ON events (seq) WHERE kind IN ('operator.added', 'operator.renewed');
