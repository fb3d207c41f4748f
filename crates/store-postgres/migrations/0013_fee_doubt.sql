-- Payments whose network fee is in doubt are few among events, and asked for with every look at the alerts.
CREATE INDEX event_of_fee_doubts ON event (at, id) WHERE kind = 'fee_doubted';
