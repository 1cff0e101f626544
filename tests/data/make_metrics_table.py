#!/usr/bin/env python3
"""Writes metrics_table.json: equity curves and what their metrics must be.

An independent reference for src/analytics. It works from the definitions over whole lists, with the standard
library's statistics, and shares nothing with the incremental Rust code. Run it from anywhere; it writes next to
itself, and the same bytes every time:

    python3 tests/data/make_metrics_table.py
"""

import json
import math
import random
import statistics
from datetime import datetime, timedelta, timezone
from pathlib import Path

UTC = timezone.utc
JULIAN_YEAR_SECONDS = 365.25 * 86_400


def utc_day(close_time):
    """The day a bar belongs to: one that closes at midnight is the last of the day before."""
    return (datetime.fromtimestamp(close_time, UTC) - timedelta(microseconds=1)).date()


def last_of_each_day(times, values):
    by_day = {}
    for time, value in zip(times, values):
        by_day[utc_day(time)] = value
    return [by_day[day] for day in sorted(by_day)]


def changes(base, values):
    return [after / before - 1 for before, after in zip([base] + values, values)]


def longest_under_water(start, times, equity, initial):
    longest, peak, peak_time = 0, initial, start
    path = list(zip(times, equity))
    for index, (time, value) in enumerate(path):
        if value >= peak:
            peak, peak_time = value, time
            continue
        recovery = next((t for t, v in path[index:] if v >= peak), times[-1])
        longest = max(longest, recovery - peak_time)
    return longest


def deepest(equity, initial):
    peaks = [max([initial] + equity[: index + 1]) for index in range(len(equity))]
    return max((peak - value) / peak for peak, value in zip(peaks, equity))


def over(part, whole):
    return None if not whole else part / whole


def metrics(case):
    initial, periods, start = case["initial_capital"], case["periods_per_year"], case["start"]
    times = [mark[0] for mark in case["marks"]]
    equity = [mark[1] for mark in case["marks"]]
    closes = [mark[2] for mark in case["marks"]]
    held = [mark[3] for mark in case["marks"]]
    growth = equity[-1] / initial
    seconds = times[-1] - start
    cagr = None
    if seconds >= 86_400 and growth >= 0:
        cagr = growth ** (JULIAN_YEAR_SECONDS / seconds) - 1
    drawdown = deepest(equity, initial)

    daily = last_of_each_day(times, equity)
    ruined = any(value <= 0 for value in daily[:-1])
    volatility = sharpe = sortino = alpha = beta = None
    if len(daily) >= 2 and not ruined:
        returns = changes(initial, daily)
        market = changes(closes[0], last_of_each_day(times, closes))
        mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
        downside = math.sqrt(statistics.fmean(min(change, 0) ** 2 for change in returns))
        volatility = deviation * math.sqrt(periods)
        sharpe = over(mean * math.sqrt(periods), deviation)
        sortino = over(mean * math.sqrt(periods), downside)
        if statistics.variance(market) > 0:
            beta, intercept = statistics.linear_regression(market, returns)
            alpha = intercept * periods

    profits = [trade[0] for trade in case["trades"]]
    wins = [profit for profit in profits if profit > 0]
    losses = [profit for profit in profits if profit < 0]
    mean_equity = statistics.fmean(equity)
    return {
        "total_return": growth - 1,
        "cagr": cagr,
        "volatility": volatility,
        "sharpe": sharpe,
        "sortino": sortino,
        "calmar": None if cagr is None else over(cagr, drawdown),
        "max_drawdown": drawdown,
        "max_drawdown_duration_s": longest_under_water(start, times, equity, initial),
        "win_rate": over(len(wins), len(profits)),
        "profit_factor": over(sum(wins), -sum(losses)),
        "expectancy": over(sum(profits), len(profits)),
        "average_win": over(sum(wins), len(wins)),
        "average_loss": over(sum(losses), len(losses)),
        "largest_win": max(wins, default=None),
        "largest_loss": min(losses, default=None),
        "exposure": held.count(True) / len(held),
        "turnover": sum(abs(fill[0]) for fill in case["fills"]) / mean_equity if mean_equity > 0 else 0,
        "total_fees": sum(fill[1] for fill in case["fills"]),
        "trades": len(profits),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "buy_and_hold_return": over(closes[-1], closes[0]) - 1,
        "alpha": alpha,
        "beta": beta,
    }


def walk(source, initial, times, scale, drift=0.0):
    """Marks of an account that is in the market part of the time, on a random walk."""
    marks, equity, close, held = [], initial, 100.0, False
    for time in times:
        change = source.gauss(drift, scale)
        close *= 1 + change
        if held:
            equity *= 1 + 0.8 * change
        if source.random() < 0.2:
            held = not held
        marks.append([time, round(equity, 2), round(close, 4), held])
    return marks


def deals(source, count):
    fills = [[round(source.uniform(100, 90_000), 2), round(source.uniform(0, 90), 2)] for _ in range(count)]
    trades = [[round(source.gauss(20, 400), 2), round(source.gauss(0.001, 0.01), 5)] for _ in range(count // 2)]
    return fills, trades


def moment(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def case(name, periods, start, marks, fills=(), trades=(), initial=100_000.0):
    return {
        "name": name,
        "initial_capital": initial,
        "periods_per_year": periods,
        "start": start,
        "marks": marks,
        "fills": list(fills),
        "trades": list(trades),
    }


def cases():
    source = random.Random(20_240_808)
    start = moment("2024-02-20T00:00:00")
    hours = [start + 4 * 3_600 * (index + 1) for index in range(120)]
    yield case("four-hour bars over a leap day", 365.0, start, walk(source, 100_000.0, hours, 0.01), *deals(source, 24))

    weekdays = [start + 86_400 * day for day in range(60) if (1 + day) % 7 < 5]
    closes = [day + 20 * 3_600 for day in weekdays]
    yield case("daily sessions", 252.0, start, walk(source, 50_000.0, closes, 0.02, 0.004), *deals(source, 8), 50_000.0)

    midday = moment("2024-05-01T13:30:00")
    gapped = [midday + 1_800 * (index + 1) for index in range(200) if not 60 <= index < 170]
    yield case("half-hour bars with a gap of days", 365.0, midday, walk(source, 1_000.0, gapped, 0.005), initial=1_000.0)

    falling = [[start + 21_600 * (index + 1), 10_000.0 - 100 * index, 50.0 - index / 2, True] for index in range(20)]
    yield case("nothing but losses", 365.0, start, falling, [[10_000.0, 10.0]], [[-5.0, -0.01], [-7.5, -0.02]], 10_000.0)

    flat = [[start + 43_200 * (index + 1), 5_000.0, 7.0, False] for index in range(10)]
    yield case("nothing at all", 365.0, start, flat, initial=5_000.0)

    brief = [[start + 3_600, 101.0, 10.0, True], [start + 7_200, 99.0, 9.0, True], [start + 10_800, 105.0, 11.0, False]]
    yield case("three hours", 365.0, start, brief, [[50.0, 0.05]], [[0.0, 0.0]], 100.0)

    ruin = [[start + 86_400 * (index + 1), value, 10.0 + index, True] for index, value in enumerate([80.0, -20.0, -5.0, 3.0])]
    yield case("ruin", 365.0, start, ruin, initial=100.0)

    below = [[start + 86_400 * (index + 1), value, 10.0 - index, True] for index, value in enumerate([120.0, 60.0, -15.0])]
    yield case("below zero at the end", 365.0, start, below, initial=100.0)


def main():
    table = [one | {"expected": metrics(one)} for one in cases()]
    lines = ",\n".join(json.dumps(one) for one in table)
    Path(__file__).with_name("metrics_table.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
