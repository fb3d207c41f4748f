-- What happened. Written in the commit that made it true; never changed. A user's own events are numbered 1, 2, 3 … by `seq`.
CREATE TABLE event (
    id            TEXT    NOT NULL CONSTRAINT event_unique PRIMARY KEY,
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    user_id       TEXT,
    seq           INTEGER,
    withdrawal_id TEXT,
    kind          TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    form          INTEGER NOT NULL,
    CONSTRAINT event_feed_is_whole CHECK ((user_id IS NULL) = (seq IS NULL))
) STRICT;

CREATE UNIQUE INDEX event_feed_unique ON event (user_id, seq) WHERE user_id IS NOT NULL;
CREATE INDEX event_of_withdrawal ON event (withdrawal_id, at, seq, id) WHERE withdrawal_id IS NOT NULL;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
