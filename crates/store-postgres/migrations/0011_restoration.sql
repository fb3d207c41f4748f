-- What an admin declared when database and journal were restored together, as JSON of form `form`; none once that is behind the lane.
ALTER TABLE lane ADD COLUMN restoration JSON;
