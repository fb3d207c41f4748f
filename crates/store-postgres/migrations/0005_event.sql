CREATE TABLE event (
    id            UUID          NOT NULL CONSTRAINT event_unique PRIMARY KEY,
    at            BIGINT        NOT NULL,
    actor         JSON          NOT NULL,
    user_id       TEXT,
    seq           BIGINT,
    withdrawal_id UUID,
    kind          TEXT          NOT NULL,
    body          JSON          NOT NULL,
    form          BIGINT        NOT NULL,
    CONSTRAINT event_feed_is_whole CHECK ((user_id IS NULL) = (seq IS NULL))
);
COMMENT ON TABLE event IS
    'What happened. Written in the commit that made it true; never changed. A user''s own events are numbered 1, 2, 3 … by `seq`.';

CREATE UNIQUE INDEX event_feed_unique ON event (user_id, seq) WHERE user_id IS NOT NULL;
CREATE INDEX event_of_withdrawal ON event (withdrawal_id, at, seq, id) WHERE withdrawal_id IS NOT NULL;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE ON event
FOR EACH ROW EXECUTE FUNCTION refuse_change();
