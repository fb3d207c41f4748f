-- Addresses of change that may hold a coin, as JSON of form `form`: from a number on all of them, below it these (case F100). None in rows of
-- before it was kept: then all are asked for.
ALTER TABLE lane ADD COLUMN coin_places TEXT;
