-- When, within an incident, what was published came from its source: a list of spans. Without one: all the time.
ALTER TABLE incidents ADD COLUMN touched TEXT;
