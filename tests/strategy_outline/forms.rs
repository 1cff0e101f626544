//! What exactly comes of edits of forms and lists: rules with names, steps, sizes, times, portfolios.

use crate::{FULL, ONE, SHARED, block, remove, set, value};
use papertape::api::{Edit, FieldKind};
use papertape::strategy::outline::{edit, outline};

fn add_to(path: &str, value: &str) -> Edit {
    Edit::Add {
        path: path.to_owned(),
        value: value.to_owned(),
    }
}

fn move_to(path: &str, to: usize) -> Edit {
    Edit::Move {
        path: path.to_owned(),
        to,
    }
}

fn made(text: &str, change: &Edit) -> String {
    edit(text, change)
        .unwrap_or_else(|refusal| panic!("{change:?}: {refusal}\n{text}"))
        .text
}

#[test]
fn every_part_of_a_full_file_has_a_form() {
    for text in [FULL, ONE, SHARED] {
        let shown = outline(text);
        assert_eq!(shown.problems, [], "{text}");
        for block in shown.blocks() {
            assert_eq!(block.text, None, "{}", block.path);
        }
    }
    let shown = outline(FULL);
    for (path, expected) in [
        ("rank", "roc(close, 48)"),
        ("when.hours", "09:30-12:00, 13:00-16:00"),
        ("entry.0.name", "breakout"),
        ("entry.0.long.1.left", "volume"),
        ("entry.0.order.stop_price", "high"),
        ("entry.0.add.size.method", "fixed_quantity"),
        ("entry.1.size.cap", "25"),
        ("entry.1.trailing_stop", "none"),
        ("entry.1.when.session", "regular"),
        ("entry.2.max_entries", "2"),
        ("exit.0.of", "breakout"),
        ("exit.1.of", "dip, third"),
        ("risk.take_profit.1.close", "25%"),
        ("risk.take_profit.2.close", ""),
        ("risk.max_correlation.lookback", "120"),
        ("risk.flatten_before_close", "15m"),
    ] {
        if path.ends_with("2.close") {
            // What is not said is offered, not shown.
            assert!(shown.field(path).is_none(), "{path}");
        } else {
            assert_eq!(value(&shown, path), expected, "{path}");
        }
    }
    assert_eq!(value(&outline(SHARED), "portfolio.weights.ETH/USDT.value"), "30%");
}

#[test]
fn an_edit_of_a_form_changes_the_characters_of_its_value_only() {
    for (text, change, old, new) in [
        (
            FULL,
            set("entry.0.add.max", "2"),
            "      max: 3\n",
            "      max: 2\n",
        ),
        (FULL, set("entry.1.size.cap", "20"), "cap: 25   #", "cap: 20   #"),
        (FULL, set("entry.1.long.0.right", "20"), "< 15'", "< 20'"),
        (
            FULL,
            set("entry.2.max_entries", "3"),
            "max_entries: 2}",
            "max_entries: 3}",
        ),
        (
            FULL,
            set("when.days", "mon, wed"),
            "days: mon..fri",
            "days: [mon, wed]",
        ),
        (FULL, set("exit.1.of", "dip"), "of: [dip, third]", "of: [dip]"),
        (FULL, set("risk.take_profit.1.at", "5%"), "{at: 4%", "{at: 5%"),
        (
            FULL,
            set("risk.max_exposure", "120%"),
            "max_exposure: 150%",
            "max_exposure: 120%",
        ),
        (
            ONE,
            set("risk.max_correlation.lookback", "90"),
            "max_correlation: 0.8",
            "max_correlation: {limit: 0.8, lookback: 90}",
        ),
        (
            ONE,
            set("risk.size.method", "volatility_target"),
            "method: kelly",
            "method: volatility_target",
        ),
        (
            SHARED,
            set("portfolio.weights.ETH/USDT.value", "40%"),
            "ETH/USDT: 30%",
            "ETH/USDT: 40%",
        ),
        (
            SHARED,
            add_to("portfolio.weights", "SOL/USDT"),
            "    ETH/USDT: 30%\n",
            "    ETH/USDT: 30%\n    SOL/USDT: 10%\n",
        ),
    ] {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        assert_eq!(made(text, &change), text.replace(old, new), "{change:?}");
    }
}

#[test]
fn a_name_of_an_entry_is_changed_where_exits_say_it() {
    let text = made(FULL, &set("entry.0.name", "channel"));
    assert_eq!(text, FULL.replace("breakout", "channel"));
    let text = made(FULL, &set("entry.2.name", "late"));
    assert_eq!(text, FULL.replace("third", "late"));
    let text = made(ONE, &set("entry.name", "donchian rule"));
    assert_eq!(text, ONE.replace("turtle", "donchian rule"));
}

#[test]
fn rules_are_added_moved_and_removed_with_what_is_said_of_them() {
    let more = made(FULL, &add_to("entry", ""));
    let item = "  - name: entry 1\n    long: cross_above(sma(close, 20), sma(close, 50))\n";
    assert_eq!(more, FULL.replace("exit:\n-", &format!("{item}exit:\n-")));
    let without = made(FULL, &remove("exit.0"));
    assert!(without.contains("exit:\n- name: all\n"), "{without}");
    let moved = made(FULL, &move_to("entry.1", 0));
    let (first, second) = (moved.find("name: dip"), moved.find("name: breakout"));
    assert!(
        first < second && moved.contains("  # second idea\n  - # with a remark"),
        "{moved}"
    );
    assert_eq!(made(&moved, &move_to("entry.0", 1)), FULL);
    // A name that comes first stands behind the dash.
    let nameless = made(FULL, &remove_field("exit.0.name"));
    assert!(
        nameless.contains("exit:\n- long: close < sma(close, 20)\n"),
        "{nameless}"
    );
    assert_eq!(made(&nameless, &add_to("exit.0.name", "tired")), FULL);
}

fn remove_field(path: &str) -> Edit {
    set(path, "")
}

#[test]
fn one_rule_becomes_a_list_when_another_comes() {
    let text = made(ONE, &add_to("entry", ""));
    let expected = ONE
        .replace(
            "    name: turtle   # its name\n    long: close > donchian(20).upper[1]\n    # how to add\n    add: {after_gain: 0.5 * atr(20), max: 3}\n    take_profit: 3%\n",
            "    - name: turtle   # its name\n      long: close > donchian(20).upper[1]\n      # how to add\n      add: {after_gain: 0.5 * atr(20), max: 3}\n      take_profit: 3%\n    - name: entry 1\n      long: cross_above(sma(close, 20), sma(close, 50))\n",
        );
    assert_eq!(text, expected);
    let text = made(ONE, &add_to("exit", ""));
    let expected = "exit: [{name: exit 1, long: 'close < donchian(10).lower[1]', of: turtle}, {name: 'exit 2', long: 'cross_below(sma(close, 20), sma(close, 50))'}]\n";
    assert!(text.contains(expected), "{text}");
    assert_eq!(outline(&text).problems, []);
    let folded = "name: x\nentry:\n  long: >\n    close > open\n    and volume > 0\n";
    let text = made(folded, &add_to("entry", ""));
    let expected = "name: x\nentry:\n  - name: entry 1\n    long: >\n      close > open\n      and volume > 0\n  - name: entry 2\n    long: cross_above(sma(close, 20), sma(close, 50))\n";
    assert_eq!(text, expected);
}

#[test]
fn one_target_becomes_steps() {
    let text = made(ONE, &add_to("risk.take_profit", "12%"));
    let steps = "take_profit: [{at: 6%, close: 50%}, {at: 12%}]";
    assert_eq!(text, ONE.replace("take_profit: 6%", steps));
    let more = made(&text, &add_to("risk.take_profit", "12%"));
    assert!(more.contains("{at: 12%, close: 25%}, {at: 24%}]"), "{more}");
    assert_eq!(outline(&more).problems, []);
    let text = made(FULL, &add_to("risk.take_profit", "12%"));
    let last = "    - at: 8%\n";
    let steps = "    - at: 8%\n      close: 12.5%\n    - {at: 16%}\n";
    assert_eq!(text, FULL.replace(last, steps));
}

#[test]
fn a_method_takes_what_it_is_not_told_along() {
    let text = made(FULL, &set("entry.1.size.method", "fixed_quantity"));
    assert!(
        text.contains("      method: fixed_quantity\n      value: 50\n    stop_loss"),
        "{text}"
    );
    let text = made(FULL, &set("risk.size.method", "fixed_notional"));
    assert!(
        text.contains("size: {method: fixed_notional, value: 20}"),
        "{text}"
    );
    // A fifth of the equity may be bought, but not lost at one stop.
    let text = made(FULL, &set("risk.size.method", "risk_percent"));
    assert!(text.contains("size: {method: risk_percent, value: 1}"), "{text}");
    let text = made(SHARED, &set("portfolio.method", "risk_parity"));
    assert!(
        !text.contains("weights") && outline(&text).problems.is_empty(),
        "{text}"
    );
    let text = made(&text, &set("portfolio.method", "target"));
    assert!(
        text.contains("weights: {BTC/USDT: 33%, ETH/USDT: 33%, SOL/USDT: 33%}"),
        "{text}"
    );
    assert_eq!(outline(&text).problems, []);
}

#[test]
fn a_portfolio_is_made_by_blocks_alone() {
    let mut text = "name: Mine\nsymbols: [BTC/USDT, ETH/USDT]\n".to_owned();
    let offered = |text: &str, section: &str| {
        let outline = outline(text);
        let section = outline.section(section).cloned();
        section.map_or_else(Vec::new, |section| section.additions)
    };
    let edits = offered(&text, "shares");
    assert_eq!(edits.len(), 1);
    text = made(&text, &edits[0].edit);
    assert_eq!(outline(&text).problems, []);
    // What would contradict it is not offered any more.
    assert!(offered(&text, "entry").is_empty() && outline(&text).section("entry").is_none());
    assert_eq!(offered(&text, "risk").len(), 2);
    text = made(&text, &set("portfolio.method", "inverse_volatility"));
    text = made(&text, &add_to("portfolio.lookback", "60"));
    text = made(&text, &add_to("portfolio.drift", "5%"));
    let expected = "portfolio: {method: inverse_volatility, lookback: 60, rebalance: monthly, drift: 5%}\n";
    assert!(text.ends_with(expected), "{text}");
    assert_eq!(outline(&text).problems, []);
    let gone = edit(&text, &remove("portfolio")).expect("it is removed");
    assert_eq!(gone.text, "name: Mine\nsymbols: [BTC/USDT, ETH/USDT]\n");
}

#[test]
fn whatever_a_form_offers_compiles_with_what_it_begins_with() {
    let mut added = 0;
    for text in [FULL, ONE, SHARED] {
        let shown = outline(text);
        for addition in shown.blocks().iter().flat_map(|block| &block.additions) {
            let edited = edit(text, &addition.edit).unwrap_or_else(|it| panic!("{addition:?}: {it}"));
            // A template needs a library, and a part of the week may exclude a session.
            if addition.edit.path() != "extends" {
                assert_eq!(edited.outline.problems, [], "{addition:?}\n{}", edited.text);
            }
            added += 1;
        }
    }
    assert!(added > 40, "{added}");
}

#[test]
fn every_key_of_the_language_can_be_added_or_is_shown() {
    // The language's own table, as editors get it.
    let schema = papertape::strategy::json_schema();
    let keys = |of: &serde_json::Value| -> Vec<String> {
        let keys = of["properties"].as_object().expect("keys");
        keys.keys().cloned().collect()
    };
    let shown = |texts: &[&str], end: &str| {
        texts.iter().any(|text| {
            let outline = outline(text);
            let sections = outline.sections.iter().flat_map(|section| &section.additions);
            let blocks = outline.blocks();
            let inner = blocks.iter().flat_map(|block| &block.additions);
            let mut additions = sections.chain(inner);
            let ends = |path: &str| path.ends_with(end) || path.contains(&format!("{end}."));
            additions.any(|it| ends(it.edit.path()))
                || blocks.iter().any(|block| ends(&block.path))
                || blocks
                    .iter()
                    .flat_map(|block| &block.fields)
                    .any(|field| ends(&field.path))
        })
    };
    let plain = "name: x\nentry: {long: close > open}\nexit: {long: close < open}\n";
    let even = "name: x\nsymbols: [BTC/USDT, ETH/USDT]\nportfolio: {method: risk_parity, drift: 5%}\n";
    let adding = "name: x\nentry: {long: close > open, add: {long: close > open}}\n";
    let texts = [plain, adding, FULL, ONE, SHARED, even, "name: x\n"];
    for key in keys(&schema).iter().filter(|key| *key != "script") {
        assert!(shown(&texts, key), "{key}");
    }
    for (shape, place) in [
        ("risk", "risk"),
        ("orders", "orders"),
        ("size", "size"),
        ("when", "when"),
        ("add", "add"),
        ("portfolio", "portfolio"),
        ("correlation", "max_correlation"),
    ] {
        for key in keys(&schema["$defs"][shape]) {
            let limited = ["price", "trail"].contains(&key.as_str());
            assert!(
                limited || shown(&texts, &format!("{place}.{key}")),
                "{place}.{key}"
            );
        }
    }
}

#[test]
fn bad_values_of_forms_are_refused_in_words() {
    for (text, change, message) in [
        (FULL, set("entry.1.size.value", ""), "a size needs a value"),
        (FULL, set("entry.1.size.cap", "2 *"), "missing before the end"),
        (
            FULL,
            set("risk.max_correlation.limit", ""),
            "a correlation needs a limit",
        ),
        (FULL, set("entry.9.name", "x"), "no such field"),
        (FULL, set("entry.0.add.after_gain", "("), "missing before the end"),
        (FULL, remove("entry.7"), "cannot change"),
        (SHARED, set("portfolio.method", "best"), "none of these: equal"),
        (SHARED, set("portfolio.weights.ETH/USDT.value", "much of"), ""),
        (
            SHARED,
            Edit::Rename {
                path: "portfolio.weights.ETH/USDT".into(),
                name: "BTC/USDT".into(),
            },
            "there already",
        ),
    ] {
        let refusal = edit(text, &change).expect_err("it is refused");
        assert!(refusal.message.contains(message), "{change:?}: {refusal}");
    }
    // What is wrong in another way is told at its block.
    let edited = edit(FULL, &set("risk.flatten_before_close", "soon")).expect("it is set");
    let at: Vec<&str> = edited
        .outline
        .problems
        .iter()
        .map(|it| it.block.as_str())
        .collect();
    assert_eq!(at, ["risk.flatten_before_close"]);
}

#[test]
fn a_likely_mistake_is_told_at_its_block() {
    let text = "name: x\nentry:\n  - {name: a, long: close > open}\n  - {name: b, long: 'rsi(close, 14) > 100'}\nexit: {long: close < open}\n";
    let shown = outline(text);
    assert_eq!(shown.problems, []);
    let at: Vec<&str> = shown.warnings.iter().map(|it| it.block.as_str()).collect();
    assert_eq!(at, ["entry.1.long.0"], "{:?}", shown.warnings);
    assert!(
        block(&shown, "entry.1.long.0")
            .fields
            .iter()
            .any(|it| it.kind == FieldKind::Expression)
    );
}
