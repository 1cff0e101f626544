"""Makes bars.parquet as pyarrow writes it: pandas' usual columns, nanoseconds with a zone, dictionary pages, zstd.

    pip install pyarrow==26.0.1 && python make_parquet_bars.py
"""
import datetime
import decimal
import pathlib

import pyarrow
import pyarrow.parquet

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
ROWS = 12
times = [START + datetime.timedelta(minutes=minute) for minute in range(ROWS)]
# Float32, as data vendors save room; decimals, as databases give them; whole numbers; and what nobody asked for.
opens = [100 + 0.1 * minute for minute in range(ROWS)]
table = pyarrow.table(
    {
        "Symbol": pyarrow.array(["BTC/USDT"] * ROWS),
        "timestamp": pyarrow.array(times, pyarrow.timestamp("ns", tz="UTC")),
        "Open": pyarrow.array(opens, pyarrow.float32()),
        "High": pyarrow.array([price + 0.25 for price in opens], pyarrow.float64()),
        "Low": pyarrow.array([99] * ROWS, pyarrow.int64()),
        "Close": pyarrow.array(
            [decimal.Decimal(f"{100 + minute / 10:.2f}") for minute in range(ROWS)],
            pyarrow.decimal128(18, 2),
        ),
        "Volume": pyarrow.array([minute * 1000 for minute in range(ROWS)], pyarrow.uint32()),
    }
)
pyarrow.parquet.write_table(
    table, pathlib.Path(__file__).with_name("bars.parquet"), compression="zstd", row_group_size=5
)
