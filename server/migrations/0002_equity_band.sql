-- What the runs with kinder and with less kind fills were worth at the same time; NULL where none ran beside.
ALTER TABLE equity ADD COLUMN optimistic  TEXT;
ALTER TABLE equity ADD COLUMN pessimistic TEXT;
