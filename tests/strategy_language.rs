//! The language as files use it: the contract's example, problems with their places, meaning of the operators.

use papertape::strategy::{Distance, OrderRuleKind, SizeRule, Strategy};
use std::collections::BTreeMap;

const EXAMPLE: &str = "
name: SMA cross                    # required
description: Buy strength, sell weakness
symbols: [BTC/USDT]                # default; the start form and --symbol override
timeframe: 5m                      # rules run at the close of this bar
params:
  fast: {default: 20, min: 5, max: 100, step: 5, description: fast average}
  slow: {default: 50, min: 20, max: 400, step: 10}
let:                               # named series, in any order
  fast_ma: sma(close, $fast)
  slow_ma: sma(close, $slow)
  trend: ema(close, 200) @ 1h      # a higher timeframe: its last closed bar
entry:
  long: cross_above(fast_ma, slow_ma) and close > trend
  short: false
exit:
  long: cross_below(fast_ma, slow_ma)
orders:
  entry: {type: limit, price: close - 0.5 * atr(14), time_in_force: gtc, expire_after: 10}
  exit: {type: market}
risk:
  size: {method: percent_of_equity, value: 95}
  stop_loss: 2 * atr(14)           # a distance in price, or \"2%\"; fixed at entry
  take_profit: 3%
  trailing_stop: 1.5%
  max_open_positions: 1
  max_drawdown: 20%                # protection: flatten and halt
  max_daily_loss: 5%
  cooldown: 10                     # bars after an exit
";

#[test]
fn the_whole_example_compiles() {
    let strategy = Strategy::compile(EXAMPLE, &BTreeMap::new(), None).expect("compiles");
    assert_eq!(strategy.name, "SMA cross");
    assert_eq!(strategy.timeframe.to_string(), "5m");
    assert!(strategy.rules.entry_long.is_some() && strategy.rules.exit_long.is_some());
    assert!(strategy.rules.entry_short.is_none() && strategy.rules.exit_short.is_none());
    assert!(matches!(strategy.orders.entry.kind, OrderRuleKind::Limit { .. }));
    assert_eq!(strategy.orders.entry.expire_after, Some(10));
    assert_eq!(strategy.risk.size, SizeRule::PercentOfEquity(95.0));
    assert!(matches!(strategy.risk.stop_loss, Some(Distance::Price(_))));
    assert_eq!(strategy.risk.take_profit, Some(Distance::Percent(0.03)));
    assert_eq!(strategy.risk.trailing_stop, Some(Distance::Percent(0.015)));
    assert_eq!(strategy.risk.max_drawdown, Some(0.2));
    assert_eq!(strategy.risk.max_daily_loss, Some(0.05));
    assert_eq!(strategy.risk.cooldown, 10);
    let names: Vec<&str> = strategy
        .program
        .series()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fast_ma", "slow_ma", "trend"]);
    assert!(
        (200 * 12..=202 * 12).contains(&strategy.warm_up()),
        "{}",
        strategy.warm_up()
    );
}
