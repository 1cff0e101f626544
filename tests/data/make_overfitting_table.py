#!/usr/bin/env python3
"""Writes overfitting_table.json: what searches prove, computed from the definitions with numpy and scipy.

An independent reference for src/backtest/overfitting and the quantiles of src/backtest/monte_carlo.rs. It works on whole
matrices of returns, with scipy's moments, ranks and normal distribution, and shares nothing with the sums over blocks of
the Rust code. The returns come from a generator of a few lines that the test has too, so that the table stays small.

    python3 -m venv venv && venv/bin/pip install numpy scipy
    venv/bin/python tests/data/make_overfitting_table.py

Sources: Bailey and Lopez de Prado, The Deflated Sharpe Ratio, J. of Portfolio Management 40 (5), 2014; Bailey, Borwein,
Lopez de Prado and Zhu, The Probability of Backtest Overfitting, J. of Computational Finance 20 (4), 2017.
"""

import itertools
import json
from pathlib import Path

import numpy as np
from scipy import stats

BLOCK_LENGTH = 4
BLOCKS = 16


def returns(seed, days, trials):
    """Days by trials. Trial 1 never trades, trial 4 in the first half only, trials 2 and 3 are the same, each has a drift and a kink of its own."""
    state = seed
    table = np.zeros((days, trials))
    for day in range(days):
        for trial in range(trials):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            unit = (state >> 11) / 2**53
            value = (unit - 0.5) * 0.04 + 0.0005 * (trial % 7)
            table[day, trial] = value * 3 if unit < 0.02 * (trial % 5) else value
        if trials > 1:
            table[day, 1] = 0.0
        if trials > 3:
            table[day, 3] = table[day, 2]
        if trials > 4 and day >= days // 2:
            table[day, 4] = 0.0
    return table


def sharpe(column):
    deviation = np.std(column, ddof=1)
    return np.nan if deviation < 1e-15 else np.mean(column) / deviation


def deflated(table, chosen):
    sharpes = np.array([sharpe(column) for column in table.T])
    ratio = sharpes[chosen]
    sharpes = sharpes[~np.isnan(sharpes)]
    if len(sharpes) < 2:
        return None
    column = table[:, chosen]
    count = len(sharpes)
    expected = np.std(sharpes, ddof=1) * (
        (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / count)
        + np.euler_gamma * stats.norm.ppf(1 - 1 / (count * np.e))
    )
    spread = np.sqrt(
        1 - stats.skew(column) * ratio + (stats.kurtosis(column, fisher=False) - 1) / 4 * ratio**2
    )
    above = lambda threshold: stats.norm.cdf((ratio - threshold) * np.sqrt(len(column) - 1) / spread)
    return {
        "sharpe": ratio,
        "expected_maximum": expected,
        "probabilistic": above(0.0),
        "deflated": above(expected),
    }


def overfitting(table):
    # Who never trades is no choice.
    table = table[:, np.std(table, axis=0) > 0]
    days, trials = table.shape
    if trials < 2:
        return None
    blocks = min(days // BLOCK_LENGTH, BLOCKS) // 2 * 2
    if blocks < 4:
        return None
    length = days // blocks
    pieces = np.split(table[days - blocks * length :], blocks)
    below, lost, splits = 0, 0, 0
    for training in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([pieces[block] for block in training])
        outside = np.concatenate([pieces[block] for block in range(blocks) if block not in training])
        # Without a Sharpe ratio, last.
        trained = [np.nan_to_num(sharpe(column), nan=-np.inf) for column in inside.T]
        tested = [np.nan_to_num(sharpe(column), nan=-np.inf) for column in outside.T]
        if np.max(trained) == -np.inf:
            continue
        best = int(np.argmax(trained))
        omega = stats.rankdata(tested)[best] / (trials + 1)
        below += np.log(omega / (1 - omega)) <= 1e-12
        lost += -np.inf < tested[best] < 0
        splits += 1
    return {
        "blocks": blocks,
        "splits": splits,
        "probability": below / splits,
        "probability_of_loss": lost / splits,
    }


def case(seed, days, trials):
    table = returns(seed, days, trials)
    chosen = int(np.nanargmax([sharpe(column) for column in table.T]))
    assert np.std(table[:, chosen]) > 0, "the chosen one must trade"
    column = table[:, chosen]
    return {
        "seed": seed,
        "days": days,
        "trials": trials,
        "chosen": chosen,
        "mean": np.mean(column),
        "deviation": np.std(column, ddof=1),
        "skewness": stats.skew(column),
        "kurtosis": stats.kurtosis(column, fisher=False),
        "deflated": deflated(table, chosen),
        "overfitting": overfitting(table),
        "quantiles": list(np.quantile(column, [0.05, 0.25, 0.5, 0.75, 0.95])),
    }


def main():
    cases = [case(*it) for it in [(1, 16, 2), (2, 37, 5), (3, 64, 12), (13, 90, 9), (5, 250, 30), (8, 15, 4), (18, 41, 3)]]
    path = Path(__file__).with_name("overfitting_table.json")
    path.write_text(json.dumps(cases, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
