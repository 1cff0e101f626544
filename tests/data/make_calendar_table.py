#!/usr/bin/env python3
"""Writes calendar_table.csv: when public calendars say that markets are open.

An independent reference for src/market/calendar, taken from two packages as they are:

    xnys          exchange_calendars: New York Stock Exchange, regular session
    nyse          pandas_market_calendars: the same with pre-market, late openings and post-market
    cme_equity    pandas_market_calendars: CME equity products, the hours of regular days in each time
    globex        pandas_market_calendars: CME Globex equity products, holidays and early closes
    trade_dates   pandas_market_calendars: the trade dates of CME; a row without times is none
    forex         pandas_market_calendars: foreign exchange

A row holds for its day and every Monday to Friday after it until the calendar's next row. Spans are in minutes from
00:00 UTC of the day, negative on the day before, apart by spaces; none means closed.

    python3 -m venv VENV && VENV/bin/pip install exchange_calendars==4.13.2 pandas_market_calendars==5.5.0
    VENV/bin/python tests/data/make_calendar_table.py
"""

import csv
from pathlib import Path

import exchange_calendars
import pandas
import pandas_market_calendars

FIRST, LAST = "1998-01-02", "2035-12-31"
WEEKDAYS = pandas.bdate_range(FIRST, LAST)

PACKAGED = {
    "nyse": ("NYSE", ["pre", "market_open", "market_close", "post"]),
    "cme_equity": ("CME_Equity", ["market_open", "break_start", "break_end", "market_close"]),
    "globex": ("CME Globex Equity", ["market_open", "market_close"]),
    "trade_dates": ("CME_TradeDate", ["market_open", "market_close"]),
    "forex": ("FOREX", ["market_open", "market_close"]),
}


def minutes(moment, day):
    return int((moment.tz_convert("UTC").tz_localize(None) - day).total_seconds()) // 60


def spans(day, bounds, name):
    """The bounds of a day as spans: neighbours in three phases, or pairs around a break."""
    if name == "nyse":
        pairs = list(zip(bounds, bounds[1:]))
    else:
        pairs = list(zip(bounds[::2], bounds[1::2]))
    pairs = [(minutes(a, day), minutes(b, day)) for a, b in pairs]
    if len(pairs) == 2 and name == "cme_equity":
        (first, pause), (resume, close) = pairs
        # A break after an early close, or without length, is none.
        if pause == resume or resume >= close:
            pairs = [(first, close)]
    return " ".join(f"{a}:{b}" for a, b in pairs if a < b)


def schedules():
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)
    yield "xnys", calendar.schedule[["open", "close"]]
    for name, (calendar, columns) in PACKAGED.items():
        calendar = pandas_market_calendars.get_calendar(calendar)
        yield name, calendar.schedule(FIRST, LAST, market_times=columns)


def main():
    path = Path(__file__).with_name("calendar_table.csv")
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["calendar", "day", "spans"])
        for name, schedule in schedules():
            days = {day: list(row) for day, row in zip(schedule.index, schedule.itertuples(index=False))}
            last = None
            for day in WEEKDAYS:
                now = spans(day, days[day], name) if day in days else ""
                if now != last:
                    rows.writerow([name, day.date(), now])
                last = now


if __name__ == "__main__":
    main()
