#!/usr/bin/env python3
"""Writes option_prices.csv and american_prices.csv: what options cost, and how that changes.

An independent reference for src/pricing. European prices come from the formula in 60 decimal digits (mpmath), and the
greeks from differentiating that price numerically, not from formulas of their own; QuantLib's calculator must agree with
every number, or nothing is written. American prices are QuantLib's: its Leisen-Reimer tree, to compare the tree with, and
Andersen, Lake and Offengenden's integral equation (QdFp), to know how far any tree is from the truth. Writes next to
itself, the same bytes every time:

    python3 -m venv venv && venv/bin/pip install mpmath QuantLib==1.44
    venv/bin/python tests/data/make_option_prices.py
"""

from pathlib import Path

import mpmath as mp
import QuantLib as ql

HERE = Path(__file__).parent
mp.mp.dps = 60

# Spot, strike, years, rate, dividend yield, volatility.
EUROPEAN = [
    # At the money, and the textbook's example (Hull, Options, Futures and Other Derivatives, example 15.6).
    (100, 100, 1, 0.05, 0, 0.2),
    (42, 40, 0.5, 0.1, 0, 0.2),
    (100, 100, 0.25, 0.03, 0.02, 0.35),
    # Deep in and out of the money.
    (100, 20, 0.5, 0.02, 0.01, 0.3),
    (100, 400, 0.5, 0.02, 0.01, 0.3),
    (748.4, 450, 0.0164, 0.01, 0.0011, 1.74),
    (748.4, 1000, 0.0164, 0.01, 0.0011, 0.4),
    (5000, 4000, 0.02, 0.05, 0.013, 0.15),
    (100, 60, 0.1, 0.04, 0, 0.08),
    # Tiny and long lives.
    (100, 100, 1e-6, 0.05, 0.01, 0.2),
    (100, 100.01, 0.0001, 0.05, 0.01, 0.5),
    (100, 99, 1 / 365, 0.05, 0, 0.25),
    (100, 150, 10, 0.04, 0.015, 0.22),
    (100, 80, 30, 0.03, 0.02, 0.18),
    # Zero and negative rates, no carry, a yield above the rate.
    (100, 105, 0.75, 0, 0, 0.25),
    (100, 95, 0.75, -0.01, 0, 0.25),
    (1.0850, 1.1, 0.5, -0.005, 0.02, 0.07),
    (100, 110, 2, 0.01, 0.08, 0.3),
    (100, 100, 1, 0.04, 0.04, 0.2),
    # Volatility from almost none to absurd; prices from a coin's to a satoshi's.
    (100, 100, 1, 0.02, 0, 0.005),
    (100, 101, 0.5, 0.03, 0.01, 0.01),
    (100, 120, 1, 0.02, 0, 3),
    (65000, 70000, 0.08, 0.05, 0, 0.65),
    (0.00002, 0.000021, 0.2, 0.03, 0, 1.1),
]

AMERICAN = [
    (100, 100, 1, 0.05, 0, 0.2),
    (100, 110, 0.5, 0.08, 0, 0.3),
    (36, 40, 1, 0.06, 0, 0.2),  # Longstaff and Schwartz (2001), table 1.
    (44, 40, 2, 0.06, 0, 0.4),
    (748.4, 900, 1.07, 0.01, 0, 0.3),
    (748.4, 600, 0.06, 0.01, 0, 0.45),
    (100, 100, 1, 0.03, 0.07, 0.25),
    (100, 90, 0.5, 0.04, 0.12, 0.35),
    (100, 130, 3, 0.05, 0.02, 0.2),
    (50, 52, 0.1, 0.02, 0.01, 0.6),
]

STEPS = 201


def normal(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def price(sign, spot, strike, years, rate, dividend, volatility):
    deviation = volatility * mp.sqrt(years)
    d1 = (mp.log(spot / strike) + (rate - dividend) * years) / deviation + deviation / 2
    owned, owed = spot * mp.exp(-dividend * years), strike * mp.exp(-rate * years)
    return sign * (owned * normal(sign * d1) - owed * normal(sign * (d1 - deviation)))


def slope(function, at, order=1):
    """The derivative by a central difference of steps so small that 60 digits leave more than 20 right."""
    step = at * mp.mpf(10) ** -12 if at else mp.mpf(10) ** -12
    if order == 2:
        return (function(at + step) - 2 * function(at) + function(at - step)) / step**2
    return (function(at + step) - function(at - step)) / (2 * step)


def reference(sign, case):
    spot, strike, years, rate, dividend, volatility = [mp.mpf(number) for number in case]
    of_spot = lambda x: price(sign, x, strike, years, rate, dividend, volatility)
    return [
        of_spot(spot),
        slope(of_spot, spot),
        slope(of_spot, spot, 2),
        slope(lambda x: price(sign, spot, strike, years, rate, dividend, x), volatility),
        -slope(lambda x: price(sign, spot, strike, x, rate, dividend, volatility), years),
        slope(lambda x: price(sign, spot, strike, years, x, dividend, volatility), rate),
    ]


def quantlib(sign, case):
    spot, strike, years, rate, dividend, volatility = case
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    discount = float(mp.exp(-mp.mpf(rate) * years))
    forward = float(spot * mp.exp((mp.mpf(rate) - dividend) * years))
    it = ql.BlackCalculator(payoff, forward, volatility * years**0.5, discount)
    return [it.value(), it.delta(spot), it.gamma(spot), it.vega(years), it.theta(spot, years), it.rho(years)]


def agree(case, ours, theirs):
    # In units of what each derivative is large in: the spot, and per small step of volatility, time and rate.
    spot, strike, years, _, _, volatility = case
    scale = max(spot, strike)
    long = scale * max(1, years)
    gamma, theta = 1 / (spot * volatility * years**0.5), scale * (1 + volatility / years**0.5)
    scales = [scale, 1, gamma, long, theta, long]
    for mine, other, unit in zip(ours, theirs, scales):
        assert abs(mine - other) <= 1e-11 * unit, (case, mine, other)


def european():
    yield "right,spot,strike,years,rate,dividend_yield,volatility,price,delta,gamma,vega,theta,rho"
    for case in EUROPEAN:
        for right, sign in (("call", 1), ("put", -1)):
            numbers = reference(sign, case)
            agree(case, numbers, quantlib(sign, case))
            yield ",".join([right, *map(repr, map(float, case)), *(mp.nstr(number, 17) for number in numbers)])


def american():
    yield "right,spot,strike,years,rate,dividend_yield,volatility,leisen_reimer,exact"
    today = ql.Date(2, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    curve = lambda rate: ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count))
    for spot, strike, years, rate, dividend, volatility in AMERICAN:
        expiry = today + round(years * 365)
        years = count.yearFraction(today, expiry)
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(spot)),
            curve(dividend),
            curve(rate),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, count)),
        )
        for right, kind in (("call", ql.Option.Call), ("put", ql.Option.Put)):
            option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.AmericanExercise(today, expiry))
            option.setPricingEngine(ql.BinomialLRVanillaEngine(process, STEPS))
            tree = option.NPV()
            scheme = ql.QdFpAmericanEngine.highPrecisionScheme()
            option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
            inputs = map(repr, map(float, (spot, strike, years, rate, dividend, volatility)))
            yield ",".join([right, *inputs, repr(tree), repr(option.NPV())])


for name, lines in (("option_prices.csv", european()), ("american_prices.csv", american())):
    HERE.joinpath(name).write_text("\n".join(lines) + "\n")
