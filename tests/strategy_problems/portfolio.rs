//! Mistakes in the portfolio section, and in the limit on correlation.

use crate::assert_told;

#[test]
fn a_mistake_in_a_portfolio_is_placed_and_told() {
    for (section, expected) in [
        (
            "portfolio: equal",
            "3:12: portfolio must be a mapping of keys to values",
        ),
        (
            "portfolio: {rebalance: daily}",
            "3:12: portfolio needs a method, such as equal or risk_parity",
        ),
        (
            "portfolio: {method: equals, rebalance: daily}",
            "3:21: 'equals' is not a method: one of equal, inverse_volatility, risk_parity, minimum_variance, target; did you \
             mean 'equal'?",
        ),
        (
            "portfolio: {method: equal}",
            "3:12: portfolio needs to know when: give rebalance, such as monthly, or drift, such as 5%",
        ),
        (
            "portfolio: {method: equal, rebalance: montly}",
            "3:39: 'montly' is not a schedule: one of daily, weekly, monthly, or a number of bars; did you mean 'monthly'?",
        ),
        (
            "portfolio: {method: equal, rebalance: 0}",
            "3:39: this must be a whole number, at least 1; it is 0",
        ),
        (
            "portfolio: {method: equal, rebalance: 2.5}",
            "3:39: this must be a whole number, at least 1; it is 2.5",
        ),
        (
            "portfolio: {method: equal, drift: 0%}",
            "3:35: this must be above 0 % and at most 100 %; it is 0",
        ),
        (
            "portfolio: {method: equal, drift: -5%}",
            "3:35: this must be above 0 % and at most 100 %; it is -5",
        ),
        (
            "portfolio: {method: equal, drift: 5}",
            "3:35: write a percent sign: '5%' (or a ratio such as 0.2)",
        ),
        (
            "portfolio: {method: risk_parity, lookback: 0, rebalance: daily}",
            "3:44: the lookback must be a whole number of returns from 2 to 10000; it is 0",
        ),
        (
            "portfolio: {method: risk_parity, lookback: 20000, rebalance: daily}",
            "3:44: the lookback must be a whole number of returns from 2 to 10000; it is 20000",
        ),
        (
            "portfolio: {method: minimum_variance, lookback: close, rebalance: daily}",
            "3:49: this must be a constant: a number or a $parameter",
        ),
        (
            "portfolio: {method: equal, lookback: 60, rebalance: daily}",
            "3:38: equal has no lookback: it looks at no prices",
        ),
        (
            "portfolio: {method: equal, weights: {BTC/USDT: 50%}, rebalance: daily}",
            "3:37: equal has no weights: they follow from the method",
        ),
        (
            "portfolio: {method: risk_parity, weights: {BTC/USDT: 50%}, rebalance: daily}",
            "3:43: risk_parity has no weights: they follow from the method",
        ),
        (
            "portfolio: {method: target, rebalance: daily}",
            "3:12: target needs weights, such as {BTC/USDT: 60%, ETH/USDT: 30%}",
        ),
        (
            "portfolio: {method: target, weights: {}, rebalance: daily}",
            "3:38: weights is empty: give each symbol its share, such as {BTC/USDT: 60%}",
        ),
        (
            "portfolio: {method: target, weights: {BTC/USDT: 60%, ETH/USDT: 50%}, rebalance: daily}",
            "3:64: the weights up to here add up to more than the equity: 110 %",
        ),
        (
            "portfolio: {method: target, weights: {BTC/USDT: -10%, ETH/USDT: 50%}, rebalance: daily}",
            "3:49: this must be above 0 % and at most 100 %; it is -10",
        ),
        (
            "portfolio: {method: target, weights: {BTC/USDT: 60%, ETH/USDC: 40%}, rebalance: daily}",
            "3:54: the strategy does not trade ETH/USDC: add it to symbols; did you mean 'ETH/USDT'?",
        ),
        (
            "portfolio: {method: target, weights: {BTC/USDT: 60%}, cash: 5%, rebalance: daily}",
            "3:61: target has no cash: what its weights leave is cash",
        ),
        (
            "portfolio: {method: equal, cash: 100%, rebalance: daily}",
            "3:34: cash must be at least 0 % and less than 100 % of the equity; it is 100 %",
        ),
        (
            "portfolio: {method: equal, cash: -1%, rebalance: daily}",
            "3:34: cash must be at least 0 % and less than 100 % of the equity; it is -1 %",
        ),
        (
            "portfolio: {method: equal, min_trade: 0, rebalance: daily}",
            "3:39: the smallest trade must be above 0; it is 0",
        ),
        (
            "portfolio: {method: equal, mintrade: 5, rebalance: daily}",
            "3:28: unknown key 'mintrade'; did you mean 'min_trade'?",
        ),
        (
            "portfolio: {method: equal, rebalance: daily}\nentry: {long: close > open}",
            "4:8: portfolio decides when to buy and to sell: leave entry out",
        ),
        (
            "portfolio: {method: equal, rebalance: daily}\nexit: {long: close > open}",
            "4:7: portfolio decides when to buy and to sell: leave exit out",
        ),
        (
            "portfolio: {method: equal, rebalance: daily}\nrank: close",
            "4:7: portfolio decides when to buy and to sell: leave rank out",
        ),
        (
            "portfolio: {method: equal, rebalance: daily}\nrisk: {stop_loss: 2%}",
            "4:19: portfolio decides how much is held: leave stop_loss out",
        ),
        (
            "portfolio: {method: equal, rebalance: daily}\nrisk: {max_correlation: 0.5}",
            "4:25: portfolio decides how much is held: leave max_correlation out",
        ),
        (
            "entry: {long: close > open}\nrisk: {max_correlation: 1}",
            "4:25: a correlation limit must be at least 0 and below 1; it is 1",
        ),
        (
            "entry: {long: close > open}\nrisk: {max_correlation: -0.5}",
            "4:25: a correlation limit must be at least 0 and below 1; it is -0.5",
        ),
        (
            "entry: {long: close > open}\nrisk: {max_correlation: {limit: 80%, lookback: 1}}",
            "4:48: the lookback must be a whole number of returns from 2 to 10000; it is 1",
        ),
        (
            "entry: {long: close > open}\nrisk: {max_correlation: {lookback: 10}}",
            "4:25: max_correlation needs a limit, such as 0.8",
        ),
    ] {
        assert_told(
            &format!("name: x\nsymbols: [BTC/USDT, ETH/USDT]\n{section}\n"),
            expected,
        );
    }
}
