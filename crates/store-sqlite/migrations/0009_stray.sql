-- Payments that blocks hold and that nobody here remembers, as JSON of form `form`.
ALTER TABLE incarnation ADD COLUMN strays TEXT NOT NULL DEFAULT '[]';
