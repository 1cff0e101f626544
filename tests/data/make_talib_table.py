#!/usr/bin/env python3
"""Writes talib.csv: bars and, for each expression of the strategy language, what TA-Lib makes of it.

    pip install TA-Lib numpy
    python3 tests/data/make_talib_table.py [BARS] > tests/data/talib.csv
    python3 tests/data/make_talib_table.py --bars FILE [BARS]

The bars are a random walk, or the first ones of a CSV file with the columns open, high, low, close, volume.
Columns are separated by semicolons, because expressions hold commas. An empty cell is undefined.
"""

import csv
import math
import sys

import numpy as np
import talib

ARGUMENTS = sys.argv[1:]
FILE = ARGUMENTS.pop(0) and ARGUMENTS.pop(0) if ARGUMENTS[:1] == ["--bars"] else None
BARS = int(ARGUMENTS[0]) if ARGUMENTS else 200


def bars(count):
    """A volatile market near 60 000 with some bars that do not move and some without volume."""
    random = np.random.default_rng(20240808)
    close = 60_000 * np.exp(np.cumsum(random.normal(0, 0.004, count)))
    close[::17] = np.round(close[::17], -2)
    open_ = np.concatenate([[60_000.0], close[:-1]])
    spread = np.abs(random.normal(0, 0.002, (2, count)))
    high = np.maximum(open_, close) * (1 + spread[0])
    low = np.minimum(open_, close) * (1 - spread[1])
    volume = np.round(random.lognormal(1, 1, count), 3)
    still = np.arange(count) % 41 == 40
    for column in (open_, high, low, close):
        column[still] = np.roll(close, 1)[still]
    volume[still] = 0.0
    return [np.round(column, 2) for column in (open_, high, low, close)] + [volume]


def bars_of(file, count):
    """The first bars of a CSV file."""
    with open(file, newline="") as rows:
        read = [row for _, row in zip(range(count), csv.DictReader(rows))]
    return [np.array([float(row[name]) for row in read]) for name in ("open", "high", "low", "close", "volume")]


o, h, l, c, v = bars_of(FILE, BARS) if FILE else bars(BARS)

TABLE = {
    "open": o,
    "high": h,
    "low": l,
    "close": c,
    "volume": v,
    "sma(close, 10)": talib.SMA(c, 10),
    "sma(close)": talib.SMA(c),
    "ema(close, 10)": talib.EMA(c, 10),
    "ema(close)": talib.EMA(c),
    "wma(close, 10)": talib.WMA(c, 10),
    "wma(close)": talib.WMA(c),
    "dema(close, 10)": talib.DEMA(c, 10),
    "dema(close)": talib.DEMA(c),
    "tema(close, 10)": talib.TEMA(c, 10),
    "tema(close)": talib.TEMA(c),
    "trima(close, 10)": talib.TRIMA(c, 10),
    "trima(close, 11)": talib.TRIMA(c, 11),
    "kama(close, 10)": talib.KAMA(c, 10),
    "kama(close)": talib.KAMA(c),
    "t3(close)": talib.T3(c),
    "t3(close, 8, 0.5)": talib.T3(c, 8, 0.5),
    "rsi(close)": talib.RSI(c),
    "rsi(close, 2)": talib.RSI(c, 2),
    "rsi(hl2, 9)": talib.RSI((h + l) / 2, 9),
    "macd(close).macd": talib.MACD(c)[0],
    "macd(close).signal": talib.MACD(c)[1],
    "macd(close).hist": talib.MACD(c)[2],
    "macd(close, 26, 12, 5).hist": talib.MACD(c, 26, 12, 5)[2],
    "bbands(close).upper": talib.BBANDS(c)[0],
    "bbands(close).middle": talib.BBANDS(c)[1],
    "bbands(close).lower": talib.BBANDS(c)[2],
    "bbands(close, 20, 2.5, 1.5).upper": talib.BBANDS(c, 20, 2.5, 1.5)[0],
    "bbands(close, 20, 2.5, 1.5).lower": talib.BBANDS(c, 20, 2.5, 1.5)[2],
    "atr()": talib.ATR(h, l, c),
    "atr(1)": talib.ATR(h, l, c, 1),
    "natr(10)": talib.NATR(h, l, c, 10),
    "trange": talib.TRANGE(h, l, c),
    "adx(14)": talib.ADX(h, l, c, 14),
    "adx(5)": talib.ADX(h, l, c, 5),
    "adxr(14)": talib.ADXR(h, l, c, 14),
    "plus_di(14)": talib.PLUS_DI(h, l, c, 14),
    "plus_di(1)": talib.PLUS_DI(h, l, c, 1),
    "minus_di(14)": talib.MINUS_DI(h, l, c, 14),
    "dx(14)": talib.DX(h, l, c, 14),
    "dx(2)": talib.DX(h, l, c, 2),
    "cci()": talib.CCI(h, l, c),
    "cci(20)": talib.CCI(h, l, c, 20),
    "stoch().k": talib.STOCH(h, l, c)[0],
    "stoch().d": talib.STOCH(h, l, c)[1],
    "stoch(14, 3, 5).d": talib.STOCH(h, l, c, 14, 3, 0, 5, 0)[1],
    "stochf().k": talib.STOCHF(h, l, c)[0],
    "stochf(8, 4).d": talib.STOCHF(h, l, c, 8, 4)[1],
    "stochrsi(close).k": talib.STOCHRSI(c)[0],
    "stochrsi(close, 10, 8, 4).d": talib.STOCHRSI(c, 10, 8, 4)[1],
    "willr()": talib.WILLR(h, l, c),
    "mfi()": talib.MFI(h, l, c, v),
    "mfi(2)": talib.MFI(h, l, c, v, 2),
    "obv": talib.OBV(c, v),
    "ad": talib.AD(h, l, c, v),
    "adosc()": talib.ADOSC(h, l, c, v),
    "adosc(10, 3)": talib.ADOSC(h, l, c, v, 10, 3),
    "roc(close)": talib.ROC(c),
    "rocp(close, 5)": talib.ROCP(c, 5),
    "mom(close, 12)": talib.MOM(c, 12),
    "trix(close, 10)": talib.TRIX(c, 10),
    "trix(close)": talib.TRIX(c),
    "ppo(close)": talib.PPO(c),
    "apo(close, 5, 10)": talib.APO(c, 5, 10),
    "cmo(close)": talib.CMO(c),
    "aroon(14).up": talib.AROON(h, l, 14)[1],
    "aroon(14).down": talib.AROON(h, l, 14)[0],
    "aroonosc(14)": talib.AROONOSC(h, l, 14),
    "ultosc()": talib.ULTOSC(h, l, c),
    "ultosc(14, 3, 5)": talib.ULTOSC(h, l, c, 14, 3, 5),
    "sar()": talib.SAR(h, l, 0.02, 0.2),
    "sar(0.05, 0.1)": talib.SAR(h, l, 0.05, 0.1),
    "linearreg(close)": talib.LINEARREG(c),
    "linearreg_slope(close, 5)": talib.LINEARREG_SLOPE(c, 5),
    "stddev(close)": talib.STDDEV(c),
    "stddev(close, 20, 2)": talib.STDDEV(c, 20, 2),
    "var(close, 10)": talib.VAR(c, 10),
    "correl(high, low, 30)": talib.CORREL(h, l, 30),
    "correl(close, volume, 10)": talib.CORREL(c, v, 10),
    "beta(high, low)": talib.BETA(h, l),
    "beta(close, open, 20)": talib.BETA(c, o, 20),
    "max(close, 10)": talib.MAX(c, 10),
    "min(close)": talib.MIN(c),
    "sum(volume, 7)": talib.SUM(v, 7),
    "midpoint(close)": talib.MIDPOINT(c),
    "midprice(10)": talib.MIDPRICE(h, l, 10),
    "typprice": talib.TYPPRICE(h, l, c),
    "wclprice": talib.WCLPRICE(h, l, c),
    "bop": talib.BOP(o, h, l, c),
    "max(close)": talib.MAX(c),
    "min(low, 14)": talib.MIN(l, 14),
    "sum(close)": talib.SUM(c),
    "stochf().d": talib.STOCHF(h, l, c)[1],
    "stochrsi(close).d": talib.STOCHRSI(c)[1],
    "mom(close)": talib.MOM(c),
    "rocp(close)": talib.ROCP(c),
    "apo(close)": talib.APO(c),
    "adx()": talib.ADX(h, l, c),
    "minus_di(1)": talib.MINUS_DI(h, l, c, 1),
    "natr()": talib.NATR(h, l, c),
    "trima(close)": talib.TRIMA(c),
    "linearreg(close, 100)": talib.LINEARREG(c, 100),
    "linearreg_slope(close)": talib.LINEARREG_SLOPE(c),
    "var(close)": talib.VAR(c),
    "correl(close, volume)": talib.CORREL(c, v),
    "midprice()": talib.MIDPRICE(h, l),
    "aroonosc()": talib.AROONOSC(h, l),
    # Indicators of indicators: the warm-up adds up.
    "sma(rsi(close, 5), 4)": talib.SMA(talib.RSI(c, 5), 4),
    "ema(macd(close, 3, 6, 4).hist, 3)": talib.EMA(talib.MACD(c, 3, 6, 4)[2], 3),
}


def cell(x):
    return "" if math.isnan(x) else repr(float(x))


print(";".join(TABLE))
for row in zip(*TABLE.values()):
    print(";".join(cell(x) for x in row))
