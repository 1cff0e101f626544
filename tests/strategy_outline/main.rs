//! Blocks and the text they are read from: an edit of a block says what it shows and touches nothing else.

mod every;
mod exact;
mod forms;
mod generated;

use papertape::api::{Block, Edit, Field, FieldKind, Outline};
use std::collections::BTreeMap;
use std::path::Path;

/// As people write: comments in every place, quotes, folded lines, keys in another order, things without blocks.
const ODD: &str = "\
# A file that somebody has written by hand.
name:   'It''s mine'   # the name
timeframe: 5m


params:   # what can be tried
    # bars of the quick one
    fast: {default: 20, min: 5,   max: 100} # not too slow
    # bars of the slow one
    slow:
        default: 50     # half a hundred
        max: 400
    limit: 0.02
let:
    quick: sma(close, $fast)   # quick
    slow_one: \"sma(close, $slow)\"
    near: abs(quick / slow_one - 1) < $limit
description: >
    Buys when the quick average is above
    the slow one. # not a comment
entry:
    long: >
        cross_above(quick, slow_one)
        and (near or volume > 0)
        and close > open
    # and the other way round
    short: 'quick < slow_one and not near'
exit: {long: 'quick < slow_one', short: quick > slow_one}
risk:
    size: {method: percent_of_equity, value: 95}   # nearly all
    stop_loss: 2 * atr(14)
    # the target
    take_profit: 6%
orders:
    entry: {type: limit, price: 'close - 0.5 * atr(14)', expire_after: 10}
    exit:
        type: market   # at once
";

/// What no block shows: keys from elsewhere, lists of entries, settings of a rule's own.
const FOREIGN: &str = "\
extends: trend-following   # a template
name: Foreign
params: {fast: 20, odd: {default: 1, choices: [1, 2, 3]}}
let:
  average: sma(close, $fast)
entry:
  # first idea
  - name: breakout
    long: close > highest(high, $fast)[1] and average > 0
    orders: {type: limit, price: average}
  - {name: average, short: 'close < average'}
exit:
  long: close < average
  after: 10 bars
portfolio:
  weights: inverse_volatility
  rebalance: {every: 1w, drift: 5%}   # not often
risk:
  scale_in: {levels: 3, spacing: 1 * atr(14)}
  stop_loss: 2%
  size:
    method: kelly
    cap: 25%
    value: 50
";

/// Everything that a file can say, as people write it.
const FULL: &str = "\
name: Everything
symbols: [BTC/USDT, ETH/USDT]   # both
timeframe: 1h
rank: roc(close, 48)
when: {days: mon..fri, hours: [09:30-12:00, 13:00-16:00], timezone: America/New_York}   # not at night
entry:
  # first idea
  - name: breakout
    long: >
      close > donchian(48).upper[1]
      and volume > 0
    order: {type: stop, stop_price: high, expire_after: 3}   # late is better
    add:
      after_gain: 0.5 * atr(20)   # half
      max: 3
      size: {method: fixed_quantity, value: 1}

  # second idea
  - # with a remark
    name: dip
    long: 'rsi(close, 4) < 15'   # deep
    short: rsi(close, 4) > 85
    size:
      method: kelly
      value: 50
      cap: 25   # at most
    stop_loss: 3%
    trailing_stop: none
    when: {session: regular, from: 2024-01-01}
  - {name: third, long: close > open, max_entries: 2}
exit:
- name: tired
  long: close < sma(close, 20)
  of: breakout
  close: 50%
  max_exits: 2
- name: all
  long: close < sma(close, 50)
  short: close > sma(close, 50)
  of: [dip, third]   # the others
  order: {type: limit, price: close}
risk:
  size: {method: volatility_target, value: 20%, lookback: 24 * 14}
  take_profit:
    - at: 2%   # soon
      close: 50%
    # then
    - {at: 4%, close: 25%}
    - at: 8%
  max_correlation: {limit: 0.7, lookback: 120}
  max_exposure: 150%
  max_entries: 4
  cooldown_after_loss: 12   # calm down
  flatten_before_close: 15m
";

/// One rule with everything of its own, and short forms.
const ONE: &str = "\
name: One
entry:
    name: turtle   # its name
    long: close > donchian(20).upper[1]
    # how to add
    add: {after_gain: 0.5 * atr(20), max: 3}
    take_profit: 3%
exit: {long: 'close < donchian(10).lower[1]', of: turtle}
risk:
    take_profit: 6%
    max_correlation: 0.8
    size: {method: kelly, value: 50}
";

/// The account divided.
const SHARED: &str = "\
name: Sixty and thirty
symbols: [BTC/USDT, ETH/USDT, SOL/USDT]
portfolio:   # once a month
  method: target
  weights:
    BTC/USDT: 60%   # most
    # the rest
    ETH/USDT: 30%
  rebalance: monthly
  drift: 5%
risk: {max_drawdown: 20%}
";

fn library() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the library is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).expect("a text"),
            )
        })
        .collect();
    files.sort();
    files
}

fn texts() -> Vec<(String, String)> {
    let mut texts = library();
    texts.push(("odd".to_owned(), ODD.to_owned()));
    texts.push(("foreign".to_owned(), FOREIGN.to_owned()));
    texts.push(("full".to_owned(), FULL.to_owned()));
    texts.push(("full with CRLF".to_owned(), FULL.replace('\n', "\r\n")));
    texts.push(("one".to_owned(), ONE.to_owned()));
    texts.push(("shared".to_owned(), SHARED.to_owned()));
    texts.push(("odd with CRLF".to_owned(), ODD.replace('\n', "\r\n")));
    texts.push((
        "odd without its last line break".to_owned(),
        ODD.trim_end().to_owned(),
    ));
    let flow = "{name: Flow, params: {n: 20}, entry: {long: 'close > sma(close, $n) and volume > 0'}, risk: {stop_loss: 2%}}";
    texts.push(("flow".to_owned(), flow.to_owned()));
    texts
}

fn blocks(outline: &Outline) -> Vec<&Block> {
    let mut all: Vec<&Block> = outline
        .sections
        .iter()
        .flat_map(|section| &section.blocks)
        .collect();
    let mut at = 0;
    while at < all.len() {
        all.extend(&all[at].blocks);
        at += 1;
    }
    all
}

fn fields(outline: &Outline) -> BTreeMap<String, Field> {
    let fields = blocks(outline).into_iter().flat_map(|block| &block.fields);
    fields.map(|field| (field.path.clone(), field.clone())).collect()
}

fn block<'a>(outline: &'a Outline, path: &str) -> &'a Block {
    blocks(outline)
        .into_iter()
        .find(|block| block.path == path)
        .unwrap_or_else(|| panic!("no block {path} in {outline:#?}"))
}

fn value(outline: &Outline, path: &str) -> String {
    fields(outline)
        .get(path)
        .map_or_else(|| panic!("no field {path}"), |field| field.value.clone())
}

/// Lines of the old text (from 1, the end not included) in which the two differ.
fn touched(old: &str, new: &str) -> std::ops::Range<u32> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - start;
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    start as u32 + 1..(a.len() - end) as u32 + 1
}

/// Lines that hold nothing but a comment, sorted.
fn comments(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
        .collect();
    lines.sort_unstable();
    lines
}

/// A value that a field can take, other than the one it has.
fn other_value(field: &Field) -> String {
    match &field.kind {
        FieldKind::Number if field.path.ends_with(".step") => "0.125".to_owned(),
        FieldKind::Number => "42".to_owned(),
        FieldKind::Name if field.path.starts_with("portfolio") => "XRP/USDT".to_owned(),
        FieldKind::Name => "renamed".to_owned(),
        FieldKind::Prose | FieldKind::Text if field.path == "symbols" => "ETH/USDT, BTC/USDT".to_owned(),
        FieldKind::Text
            if ["hours", "days", "of"]
                .iter()
                .any(|key| field.path.ends_with(key)) =>
        {
            "some, of: them".to_owned()
        }
        FieldKind::Text | FieldKind::Prose => "Words: with 'quotes' and # signs, [all] {kinds}".to_owned(),
        FieldKind::Expression => "nz(ema(close, 7), open)".to_owned(),
        FieldKind::Choice(choices) => choices
            .iter()
            .map(|choice| choice.value.clone())
            .find(|value| *value != field.value && !value.is_empty())
            .unwrap_or_default(),
    }
}

fn set(path: &str, value: &str) -> Edit {
    Edit::Set {
        path: path.to_owned(),
        value: value.to_owned(),
    }
}

fn add(value: &str) -> Edit {
    Edit::Add {
        path: "entry.long".to_owned(),
        value: value.to_owned(),
    }
}

fn remove(path: &str) -> Edit {
    Edit::Remove {
        path: path.to_owned(),
    }
}
