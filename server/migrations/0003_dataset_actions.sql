-- What happened to a dataset's instrument beside its trading (splits, dividends, funding), in order of time, as JSON. A version
-- without a row has none.
CREATE TABLE dataset_actions (
    dataset INTEGER PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
    actions TEXT    NOT NULL
) STRICT;
