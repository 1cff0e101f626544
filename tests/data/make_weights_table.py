#!/usr/bin/env python3
"""Writes weights_table.json: portfolio weights, found by other means than the Rust code's.

An independent reference for src/portfolio/weights.rs. Covariances are numpy's; inverse volatility is its definition; risk
parity is the minimum of a convex function whose gradient is the definition (every instrument's weight times its marginal
risk is the same), found by scipy's trust region method and polished by its root finder; minimum variance is scipy's SLSQP
with bounds, from several beginnings, its active set then solved exactly. The returns come from a generator of a few lines
that the test has too, so that the table stays small.

    python3 -m venv venv && venv/bin/pip install numpy scipy
    venv/bin/python tests/data/make_weights_table.py

Sources: Maillard, Roncalli and Teiletche, The Properties of Equally Weighted Risk Contribution Portfolios, J. of Portfolio
Management 36 (4), 2010; Markowitz, Portfolio Selection, J. of Finance 7 (1), 1952.
"""

import json
from pathlib import Path

import numpy as np
from scipy import optimize


def returns(seed, count, size):
    """One row per return. A common part, more or less of it in each; volatilities from 0.1 % to some percent."""
    state = seed
    table = np.zeros((count, size))

    def unit():
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 11) / 2**53 - 0.5

    for row in range(count):
        common = unit()
        for column in range(size):
            share = ((column * 7 + seed) % 10) / 10
            sign = -1 if (column + seed) % 5 == 4 else 1
            scale = 0.002 * (1 + (column * 3 + seed) % 8)
            table[row, column] = scale * (sign * share * common + (1 - share) * unit())
    return table


def risk_parity(covariance):
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    size = len(scale)

    def contributions(logs):
        x = np.exp(logs)
        return x * (correlation @ x) - 1

    def curvature(logs):
        x = np.exp(logs)
        return np.diag(x * (correlation @ x)) + np.outer(x, x) * correlation

    found = optimize.minimize(
        lambda logs: np.exp(logs) @ correlation @ np.exp(logs) / 2 - logs.sum(),
        np.full(size, -0.5 * np.log(size)),
        jac=contributions,
        hess=curvature,
        method="trust-exact",
        options={"gtol": 1e-6, "maxiter": 10_000},
    )
    # From so near, the root of the gradient is found to the last digits.
    found = optimize.root(contributions, found.x, jac=curvature, tol=1e-15)
    assert np.abs(contributions(found.x)).max() < 1e-9, found
    weights = np.exp(found.x) / scale
    return weights / weights.sum()


def minimum_variance(covariance):
    size = len(covariance)
    unit = covariance / np.trace(covariance) * size
    best = None
    for beginning in [np.full(size, 1 / size), *np.eye(size)]:
        found = optimize.minimize(
            lambda w: w @ unit @ w,
            beginning,
            jac=lambda w: 2 * unit @ w,
            bounds=[(0, 1)] * size,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(size)},
            method="SLSQP",
            options={"ftol": 1e-16, "maxiter": 1000},
        )
        if best is None or found.fun < best.fun:
            best = found
    # SLSQP ends some 1e-8 away: its active set solved exactly, and the conditions of optimality checked.
    active = best.x > 1e-6
    solution = np.linalg.solve(unit[np.ix_(active, active)], np.ones(active.sum()))
    weights = np.zeros(size)
    weights[active] = solution / solution.sum()
    assert (weights >= 0).all() and np.abs(weights - best.x).max() < 1e-4, (weights, best.x)
    gradient = unit @ weights
    assert (gradient >= weights @ unit @ weights - 1e-10).all(), gradient
    return weights


def case(seed, count, size):
    covariance = np.cov(returns(seed, count, size), rowvar=False, ddof=1).reshape(size, size)
    inverse = 1 / np.sqrt(np.diag(covariance))
    return {
        "seed": seed,
        "count": count,
        "size": size,
        "variances": np.diag(covariance).tolist(),
        "inverse_volatility": (inverse / inverse.sum()).tolist(),
        "risk_parity": risk_parity(covariance).tolist(),
        "minimum_variance": minimum_variance(covariance).tolist(),
    }


def main():
    shapes = [(20, 1), (20, 2), (60, 3), (60, 5), (120, 8), (250, 12), (250, 20), (40, 30)]
    cases = [case(seed, count, size) for seed in range(1, 6) for count, size in shapes]
    Path(__file__).with_name("weights_table.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
