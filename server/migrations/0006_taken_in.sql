-- How far the incidents on a tape have been taken into the data-quality record: what has a higher number is read from the tape at the
-- next start.
CREATE TABLE incidents_read (
    feed   TEXT    NOT NULL,
    symbol TEXT    NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (feed, symbol)
) STRICT, WITHOUT ROWID;

-- The spans of time for which a feed's venue has been asked for its bars: those that it gave are in the feed's dataset, and where
-- there are none there were none.
CREATE TABLE history_asked (
    feed      TEXT    NOT NULL,
    symbol    TEXT    NOT NULL,
    timeframe TEXT    NOT NULL,
    from_time INTEGER NOT NULL,
    to_time   INTEGER NOT NULL,
    PRIMARY KEY (feed, symbol, timeframe, from_time)
) STRICT, WITHOUT ROWID;
