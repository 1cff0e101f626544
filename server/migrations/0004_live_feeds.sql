-- Bars that a live feed gave, kept beside those that somebody imported: a dataset is a feed's (none for imports), a symbol's and
-- of one timeframe.
ALTER TABLE datasets ADD COLUMN feed TEXT NOT NULL DEFAULT '';
DROP INDEX datasets_by_name;
CREATE INDEX datasets_by_name ON datasets (feed, symbol, timeframe, id);

-- What was not as it should be with a feed's data: the data-quality record. An entry is known by the run of the feed that noted it
-- (when that began) and its number there; the same one comes again when it ends or counts on.
CREATE TABLE incidents (
    feed      TEXT    NOT NULL,
    symbol    TEXT    NOT NULL,
    run       INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    source    TEXT    NOT NULL,
    from_time INTEGER NOT NULL,
    to_time   INTEGER,
    count     INTEGER NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (feed, symbol, run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_time ON incidents (feed, symbol, from_time);
