-- Imported option chains, as CSV: the newest of each underlying.
CREATE TABLE option_chains (
    symbol      TEXT    PRIMARY KEY,
    csv         TEXT    NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT;
