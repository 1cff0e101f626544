-- Amounts of money are exact decimal text; market times are nanoseconds since the epoch, wall-clock times too.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Imported bars. A row is one version of a dataset and never changes: a replay session that refers to it can be run
-- again. The current version of a symbol and timeframe is the one with the largest id.
CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol      TEXT    NOT NULL,
    timeframe   TEXT    NOT NULL,
    instrument  TEXT    NOT NULL,
    bars        INTEGER NOT NULL,
    first_open  INTEGER NOT NULL,
    last_open   INTEGER NOT NULL,
    gaps        INTEGER NOT NULL,
    missing     INTEGER NOT NULL,
    imported_at INTEGER NOT NULL
) STRICT;
CREATE INDEX datasets_by_name ON datasets (symbol, timeframe, id);

CREATE TABLE dataset_chunks (
    dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    columns BLOB    NOT NULL,
    PRIMARY KEY (dataset, number)
) STRICT;

-- A session is its specification plus its inputs: the tape's, by number, with the commands between them.
CREATE TABLE sessions (
    id         TEXT    PRIMARY KEY,
    created_at INTEGER NOT NULL,
    spec       TEXT    NOT NULL,
    dataset    INTEGER REFERENCES datasets (id),
    state      TEXT    NOT NULL,
    fault      TEXT,
    speed      REAL    NOT NULL,
    recoveries INTEGER NOT NULL DEFAULT 0,
    -- Whether the server let go of it in good order; false while it runs, so that a crash leaves false behind.
    at_rest    INTEGER NOT NULL DEFAULT 0,
    -- Inputs that it had taken in when this row was last written: how far to run it again at least.
    inputs     INTEGER NOT NULL DEFAULT 0,
    summary    TEXT    NOT NULL
) STRICT;

CREATE TABLE commands (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    input   INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    command TEXT    NOT NULL,
    PRIMARY KEY (session, input)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    input   INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    event   TEXT    NOT NULL,
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    input   INTEGER NOT NULL,
    state   BLOB    NOT NULL,
    PRIMARY KEY (session, input)
) STRICT;

-- Read models: what the journal says, in the shape in which it is asked for. `body` is the whole object as JSON.
CREATE TABLE orders (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    side    TEXT    NOT NULL,
    status  TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE fills (
    session  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    side     TEXT    NOT NULL,
    quantity TEXT    NOT NULL,
    price    TEXT    NOT NULL,
    fee      TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE trades (
    session TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    side    TEXT    NOT NULL,
    pnl     TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE equity (
    session        TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    time           INTEGER NOT NULL,
    equity         TEXT    NOT NULL,
    cash           TEXT    NOT NULL,
    position_value TEXT    NOT NULL,
    drawdown       REAL    NOT NULL,
    PRIMARY KEY (session, time)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    session  TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    severity TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (time);

CREATE TABLE backtests (
    id          TEXT    PRIMARY KEY,
    slug        TEXT,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    summary     TEXT,
    status      TEXT    NOT NULL
) STRICT;
CREATE INDEX backtests_by_strategy ON backtests (slug, finished_at);
