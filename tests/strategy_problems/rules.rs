//! Mistakes in what a rule orders, in its times, its steps and its size.

use super::{assert_told, problems};

#[test]
fn an_order_says_what_its_type_needs_and_nothing_that_contradicts_it() {
    // The order's braces begin at line 3, column 17.
    for (order, expected) in [
        ("type: limit", vec!["3:17: a limit order needs a price"]),
        (
            "type: stop_limit, price: close",
            vec!["3:17: a stop_limit order needs a stop_price"],
        ),
        (
            "type: stop_limit",
            vec![
                "3:17: a stop_limit order needs a price",
                "3:17: a stop_limit order needs a stop_price",
            ],
        ),
        (
            "type: take_profit, price: close",
            vec![
                "3:17: a take_profit order needs a stop_price",
                "3:44: a take_profit order has no price",
            ],
        ),
        (
            "type: trailing_stop",
            vec!["3:17: a trailing_stop order needs a trail"],
        ),
        (
            "type: trailing_stop, trail: 1%, stop_price: close",
            vec!["3:62: a trailing_stop order has no stop_price"],
        ),
        (
            "type: limit, price: close, trail: 2",
            vec!["3:52: a limit order has no trail"],
        ),
        (
            "type: trailing_stop, trail: 100%",
            vec!["3:46: a trail must be below 100 %; it is 100 %"],
        ),
        (
            "type: trailing_stop, trail: 0%",
            vec!["3:46: a distance must be above 0 %; it is 0 %"],
        ),
        (
            "type: trailing_stop, trail: art(14)",
            vec!["3:46: unknown indicator 'art'; did you mean 'atr'?"],
        ),
        (
            "type: trailing_stpo, trail: 1%",
            vec![
                "3:24: 'trailing_stpo' is not a type: one of market, limit, stop, stop_limit, take_profit, \
                 take_profit_limit, trailing_stop; did you mean 'trailing_stop'?",
            ],
        ),
        (
            "type: limit, price: close, time_in_force: ioc, expire_after: 3",
            vec!["3:79: expire_after contradicts time_in_force ioc: leave one of them out, or write gtc"],
        ),
        (
            "time_in_force: day, expire_after: 3",
            vec!["3:52: expire_after contradicts time_in_force day: leave one of them out, or write gtc"],
        ),
        (
            "type: stop, stop_price: close, time_in_force: opg",
            vec!["3:64: only market and limit orders go into an auction (opg), a stop order does not"],
        ),
        (
            "post_only: true",
            vec!["3:29: post_only is for limit orders that rest in the book: a market order never does"],
        ),
        (
            "type: limit, price: close, time_in_force: fok, post_only: slide",
            vec!["3:76: post_only is for limit orders that rest in the book: one that is fok never does"],
        ),
        (
            "type: limit, price: close, post_only: slid",
            vec!["3:56: 'slid' is not a post_only: one of true, reject, slide, false; did you mean 'slide'?"],
        ),
        (
            "type: stop, stop_price: close, display: 10%",
            vec!["3:58: display is for limit orders that rest in the book: a stop order never does"],
        ),
        (
            "type: limit, price: close, display: 100%",
            vec!["3:54: an iceberg shows more than 0 % and less than 100 %; this is 100 %"],
        ),
        (
            "extended_hours: true",
            vec!["3:34: outside the regular session only limit orders trade, a market order does not"],
        ),
        (
            "type: limit, price: close, time_in_force: cls, extended_hours: true",
            vec!["3:81: extended_hours contradicts time_in_force cls: auctions are in the regular session"],
        ),
        (
            "type: limit, price: close, extended_hour: true",
            vec!["3:45: unknown key 'extended_hour'; did you mean 'extended_hours'?"],
        ),
    ] {
        let yaml = format!("name: x\nentry: {{long: true}}\norders: {{entry: {{{order}}}}}\n");
        assert_eq!(problems(&yaml), expected, "{order}");
    }
}

#[test]
fn a_mistake_in_a_rule_of_several_is_placed_and_told() {
    let two = |second: &str| format!("name: x\nentry:\n  - {{name: a, long: true}}\n  - {second}\n");
    for (yaml, expected) in [
        (
            two("{long: true}"),
            "4:5: of several rules each needs a name, by which orders and trades tell them apart",
        ),
        (
            two("{name: a, long: true}"),
            "4:12: another rule is called 'a' already",
        ),
        (
            two("{name: 'a;b', long: true}"),
            "4:12: 'a;b' cannot be a rule's name",
        ),
        (
            two("{name: b}"),
            "4:5: an entry needs a condition: give long, short or both",
        ),
        (
            two("{name: b, lnog: true}"),
            "4:15: unknown key 'lnog'; did you mean 'long'?",
        ),
        (
            two("{name: b, long: true, orders: {}}"),
            "4:27: unknown key 'orders'; did you mean 'order'?",
        ),
        (
            two("{name: b, long: true, order: {type: limit}}"),
            "4:34: a limit order needs a price",
        ),
        (
            two("{name: b, long: close}"),
            "4:21: a condition is needed here, this is a number",
        ),
        (
            two("{name: b, long: true, max_entries: 0}"),
            "4:40: this must be a whole number, at least 1; it is 0",
        ),
        (
            two("{name: b, long: true, size: {method: risk_percent, value: 1}}"),
            "4:42: risk_percent needs a stop_loss",
        ),
        (
            two("{name: b, long: true, add: {max: 2}}"),
            "4:32: add needs to know when: give after_gain, after_loss",
        ),
        (
            two("{name: b, long: true, add: {after_gain: 1, after_loss: 1}}"),
            "4:32: after_gain and after_loss contradict each other: leave one of them out",
        ),
        (
            two("{name: b, long: true, add: {after_gain: 0%}}"),
            "4:45: a distance must be above 0 %; it is 0 %",
        ),
        (
            two("{name: b, long: true, add: {after_gian: 1%}}"),
            "4:33: unknown key 'after_gian'; did you mean 'after_gain'?",
        ),
        (two("[b]"), "4:5: entry.1 must be a mapping of keys to values"),
        (
            format!(
                "{}exit: {{long: true, of: c}}\n",
                two("{name: break out, long: true}")
            ),
            "5:24: no entry is called 'c'",
        ),
        (
            format!(
                "{}exit: {{long: true, of: [a, breakout]}}\n",
                two("{name: break out, long: true}")
            ),
            "5:28: no entry is called 'breakout'; did you mean 'break out'?",
        ),
        (
            format!("{}exit: {{of: a}}\n", two("{name: b, long: true}")),
            "5:7: an exit needs a condition: give long, short or both",
        ),
        (
            format!(
                "{}exit: {{long: true, close: 150%}}\n",
                two("{name: b, long: true}")
            ),
            "5:27: this must be above 0 % and at most 100 %; it is 150 %",
        ),
        (
            format!(
                "{}exit: {{long: true, max_exits: 2}}\n",
                two("{name: b, long: true}")
            ),
            "5:31: max_exits counts the parts that an exit closes: give it a close, such as 50%",
        ),
        (
            format!(
                "name: x\nentry: [{}{{name: z, long: true}}]\n",
                "{name: a, long: true}, ".repeat(40)
            ),
            "2:8: more than 32 rules",
        ),
    ] {
        assert_told(&yaml, expected);
    }
}

#[test]
fn a_mistake_in_the_steps_of_taking_profit_is_placed_and_told() {
    for (steps, expected) in [
        ("[]", "3:21: take_profit has from 1 to 8 steps"),
        ("[{close: 50%}]", "3:22: a step needs its gain: at, such as 2%"),
        (
            "[{at: 1%}, {at: 2%}]",
            "3:22: only the last step closes all that is left",
        ),
        (
            "[{at: 1%, close: 60%}, {at: 2%, close: 60%}]",
            "3:60: the steps together close more than all: 120 %",
        ),
        (
            "[{at: 1%, close: 2}]",
            "3:38: a step closes a percentage of the entry, such as 50%",
        ),
        ("[{at: -1%}]", "3:27: a distance must be above 0 %; it is -1 %"),
        (
            "[{at: 1%, colse: 5%}]",
            "3:31: unknown key 'colse'; did you mean 'close'?",
        ),
        (
            "[{at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, \
          {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1, close: 1%}, {at: 1}]",
            "3:21: take_profit has from 1 to 8 steps",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{take_profit: {steps}}}\n"),
            expected,
        );
    }
}

#[test]
fn a_mistake_in_times_is_placed_and_told() {
    for (when, expected) in [
        (
            "days: mno",
            "2:34: 'mno' is not a day: write mon, tue, wed, thu, fri, sat, sun, or a range such as mon..fri; did you mean 'mon'?",
        ),
        ("days: [mon, fri..]", "2:40: '' is not a day"),
        (
            "hours: 9-16",
            "2:35: '9-16' is not a stretch of hours: write one such as 09:30-16:00 or 22:00-02:00",
        ),
        (
            "hours: ['25:00-26:00']",
            "2:36: '25:00-26:00' is not a stretch of hours",
        ),
        (
            "hours: '10:00-10:00'",
            "2:35: '10:00-10:00' is not a stretch of hours",
        ),
        (
            "hours: '10:60-11:00'",
            "2:35: '10:60-11:00' is not a stretch of hours",
        ),
        (
            "timezone: America/NewYork",
            "2:38: 'America/NewYork' is not a time zone that is known here: write UTC or a name such as America/New_York; did you mean 'America/New_York'?",
        ),
        (
            "timezone: Mars",
            "2:38: 'Mars' is not a time zone that is known here",
        ),
        (
            "from: soon",
            "2:34: 'soon' is not a date: write one such as 2024-01-31 or 2024-01-31T09:30:00Z",
        ),
        ("from: 20240131", "2:34: '20240131' is not a date"),
        (
            "from: 2024-02-01, to: 2024-01-01",
            "2:50: this is not after 'from': the rule could never act",
        ),
        (
            "session: reglar",
            "2:37: 'reglar' is not a session: one of any, regular, extended; did you mean 'regular'?",
        ),
        ("hour: 9", "2:28: unknown key 'hour'; did you mean 'hours'?"),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true, when: {{{when}}}}}\n"),
            expected,
        );
    }
    for (yaml, expected) in [
        (
            "name: x\ntimeframe: 1d\nentry: {long: true, when: {session: regular}}\n",
            "1:1: a session filter is for bars shorter than a day, which close inside of sessions",
        ),
        (
            "name: x\ntimeframe: 1d\nentry: {long: true}\nrisk: {flatten_before_close: 15m}\n",
            "4:30: flatten_before_close is for bars shorter than a day, which close inside of sessions",
        ),
        (
            "name: x\nentry: {long: true}\nrisk: {flatten_before_close: soon}\n",
            "3:30: 'soon' is not a timeframe",
        ),
    ] {
        assert_told(yaml, expected);
    }
}

#[test]
fn a_mistake_in_a_size_is_placed_and_told() {
    for (size, expected) in [
        (
            "method: kelly, value: 150%",
            "3:37: the fraction must be at most 100 % of the Kelly size; it is 150",
        ),
        (
            "method: kelly, value: 50, cap: 0%",
            "3:46: this must be above 0 % and at most 1000 %; it is 0",
        ),
        (
            "method: kelly, value: 50, min_trades: 1",
            "3:53: this must be a whole number, at least 2; it is 1",
        ),
        (
            "method: kelly, value: 50, lookback: 5",
            "3:51: kelly has no lookback",
        ),
        (
            "method: volatility_target, value: 15, lookback: 1",
            "3:63: this must be a whole number, at least 2; it is 1",
        ),
        (
            "method: volatility_target, value: 9000%",
            "3:49: the target must be at most 1000 % a year; it is 9000",
        ),
        (
            "method: volatility_target, value: close",
            "3:49: this must be a constant: a number or a $parameter",
        ),
        (
            "method: volatility_target, value: 15, cap: 5",
            "3:58: volatility_target has no cap",
        ),
        (
            "method: fixed_notional, value: 10%",
            "3:46: this method takes a number, not a percentage",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{size: {{{size}}}}}\n"),
            expected,
        );
    }
    for (risk, expected) in [
        (
            "max_exposure: 150",
            "3:22: write a percent sign: '150%' (or a ratio such as 1.5)",
        ),
        (
            "max_exposure: 0%",
            "3:22: this must be above 0 % and at most 10000 %; it is 0",
        ),
        (
            "cooldown_after_loss: -1",
            "3:29: this must be a whole number, at least 0; it is -1",
        ),
        (
            "max_entries: 1.5",
            "3:21: this must be a whole number, at least 1; it is 1.5",
        ),
    ] {
        assert_told(
            &format!("name: x\nentry: {{long: true}}\nrisk: {{{risk}}}\n"),
            expected,
        );
    }
}
