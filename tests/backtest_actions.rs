//! Backtests through splits, dividends, funding and the end of an instrument, told by an action file.
//!
//! The real shares are skipped, and said so, on a machine without the shared data: `PAPERTAPE_SHARED` names the folder
//! above `data`.

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::api::CashFlowSum;
use papertape::backtest::{self, MarketData, Outcome, ReportContext};
use papertape::engine::EngineConfig;
use papertape::market::{BarFile, Bars, DatedAction, infer_instrument, read_actions};
use papertape::model::{Money, Timeframe};
use papertape::portfolio::CashFlowKind;
use papertape::testkit::{config, decimal};
use rust_decimal::Decimal;

/// Ten shares, bought at the second open and held.
const HOLD: &str = "name: hold\nsymbols: [AAPL]\ntimeframe: 1d\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 10}}\n";

fn configure(yaml: &str, symbol: &str, file: &BarFile) -> EngineConfig {
    let instrument = infer_instrument(&symbol.parse().expect("a symbol"), file.price_digits, &file.bars);
    EngineConfig {
        base_timeframe: file.timeframe,
        initial_capital: Money::new(Decimal::from(100_000), instrument.quote()),
        instrument,
        ..config(yaml)
    }
}

fn bars(text: &str) -> BarFile {
    BarFile::parse(text, None).expect("a bar file")
}

fn run(config: EngineConfig, bars: &Bars, actions: &[DatedAction]) -> Outcome {
    let data = MarketData { bars, actions };
    let alone = backtest::run(config.clone(), data, &mut |_| true).expect("nobody cancels");
    let with_band = backtest::run_with_band(config, data, &mut |_| true).expect("nobody cancels");
    assert_eq!(alone.event_hash, with_band.event_hash, "a band changes nothing");
    alone
}

fn sums(outcome: &Outcome) -> Vec<(CashFlowKind, u64, Decimal)> {
    CashFlowSum::of(&outcome.cash_flows)
        .iter()
        .map(|sum| (sum.kind, sum.count, sum.amount))
        .collect()
}

const DAYS: &str = "date,open,high,low,close,volume\n\
                    2024-01-02,100,100,100,100,9\n2024-01-03,100,100,100,100,9\n\
                    2024-01-04,50,55,50,55,9\n2024-01-05,54,54,54,54,9\n";

#[test]
fn a_split_and_a_dividend_are_taken_in_before_their_days_open() {
    let file = bars(DAYS);
    let config = configure(HOLD, "AAPL", &file);
    let text = "ex_date,kind,split_ratio,cash_amount\n2023-12-01,split,3,\n2024-01-05,dividend,,1\n\
                2024-01-04,split,2.00001,\n2024-01-09,dividend,,5\n";
    let actions = read_actions(text, config.instrument.calendar(), file.timeframe).expect("actions");
    let outcome = run(config.clone(), &file.bars, &actions);
    // Twenty shares at 54 and twenty dollars for ten that cost 1,000.
    assert_eq!(outcome.final_equity.amount, decimal("100100"));
    assert_eq!(sums(&outcome), [(CashFlowKind::Dividend, 1, decimal("20"))]);
    // What lies before the first and after the last bar is not taken in.
    assert_eq!(outcome.actions, 2);
    let trade = outcome.trades.last().expect("a trade");
    assert_eq!(trade.quantity.0, decimal("20"));
    assert_eq!(trade.entry_price.0, decimal("50"));
    // One share became two, whose dollar each bought a 54th at the price ex dividend.
    let held = outcome.metrics.buy_and_hold_return.expect("a return");
    assert!((held - 0.1).abs() < 1e-12, "{held}");
    // The curve ends where the account does, and the split is no fall.
    let report = outcome.report(&file.bars, ReportContext::default());
    assert_eq!(report.actions, 2);
    let points: Vec<_> = outcome
        .equity_points(&file.bars)
        .map(|point| point.equity)
        .collect();
    assert_eq!(points, ["100000", "100000", "100100", "100100"].map(decimal));

    // Without the file the same prices are a loss of half.
    let blind = run(config, &file.bars, &[]);
    assert_eq!(blind.final_equity.amount, decimal("99540"));
    assert!(blind.metrics.buy_and_hold_return.expect("a return") < -0.4);
}

/// Of shares that double, the same holdings in raw prices with the split and in adjusted prices without it are worth the
/// same at every close.
#[test]
fn raw_prices_with_a_split_are_adjusted_prices_without() {
    let minutes = |factor: i64| {
        let mut text = "time,open,high,low,close,volume\n".to_owned();
        // Two trading days from 09:30 on in New York.
        for (day, shares) in [("2024-06-07", 1), ("2024-06-10", factor)] {
            for minute in 0..60 {
                let price = 600 + (minute * 37) % 90;
                let [open, close] = [price * 10 / shares, (price + 3) * 10 / shares];
                let (hour, minute) = (13 + (30 + minute) / 60, (30 + minute) % 60);
                let (low, high) = (open.min(close), open.max(close));
                text += &format!("{day}T{hour}:{minute:02}:00Z,{open},{high},{low},{close},9\n");
            }
        }
        bars(&text)
    };
    let yaml = HOLD.replace("1d", "1m");
    let (raw, adjusted) = (minutes(10), minutes(1));
    let config_of = |file: &BarFile| configure(&yaml, "NVDA", file);
    let text = "ex_date,kind,split_ratio\n2024-06-10,split,10\n";
    let actions =
        read_actions(text, config_of(&raw).instrument.calendar(), Timeframe::MINUTE).expect("actions");
    let split = run(config_of(&raw), &raw.bars, &actions);
    let whole = run(config_of(&adjusted), &adjusted.bars, &[]);
    assert_eq!(split.equity.len(), 120);
    for (split, whole) in split.equity.iter().zip(&whole.equity) {
        assert!((split / whole - 1.0).abs() < 1e-12, "{split} {whole}");
    }
    assert_eq!(
        split
            .metrics
            .buy_and_hold_return
            .map(|held| (held * 1e12).round()),
        whole
            .metrics
            .buy_and_hold_return
            .map(|held| (held * 1e12).round())
    );
}

#[test]
fn funding_without_a_mark_is_paid_at_the_last_price() {
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for hour in 0..12 {
        text += &format!("2024-01-01T{hour:02}:00:00Z,100,120,90,{},9\n", 100 + hour);
    }
    let file = bars(&text);
    let yaml = HOLD.replace("AAPL", "BTCUSDPERP").replace("1d", "1h");
    let config = configure(&yaml, "BTCUSDPERP", &file);
    let rates = "time,funding_rate\n2024-01-01T08:00:00Z,0.001\n2024-01-01T10:00:00Z,-0.002\n";
    let actions = read_actions(rates, config.instrument.calendar(), file.timeframe).expect("rates");
    let outcome = run(config, &file.bars, &actions);
    // Ten contracts at the close before: 107 pays, 109 receives.
    let paid = decimal("10") * (decimal("109") * decimal("0.002") - decimal("107") * decimal("0.001"));
    assert_eq!(sums(&outcome), [(CashFlowKind::Funding, 2, paid)]);
}

#[test]
fn what_is_delisted_is_paid_out_and_trades_no_more() {
    let file = bars(DAYS);
    let config = configure(HOLD, "AAPL", &file);
    let text = "ex_date,kind,price\n2024-01-05,delisting,40\n";
    let actions = read_actions(text, config.instrument.calendar(), file.timeframe).expect("actions");
    let outcome = run(config, &file.bars, &actions);
    let trade = outcome.trades.last().expect("a trade");
    assert_eq!(trade.exit_reason, "delisted");
    assert_eq!(trade.exit_price.map(|price| price.0), Some(decimal("40")));
    assert_eq!(outcome.final_equity.amount, decimal("99400"));
    assert_eq!(outcome.trades.len(), 1, "nothing is bought that does not trade");
}

// ── Real shares ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// The text of a shared file; `None`, with a word, when the machine does not have it.
fn shared(name: &str) -> Option<String> {
    let path = shared_data::shared_data(name)?;
    Some(std::fs::read_to_string(path).expect("a text"))
}

fn float(text: &str) -> f64 {
    text.parse().expect("a number")
}

/// Twenty-three years of raw daily prices and the file of their splits and dividends.
///
/// *Buy and hold* is the total return of the factor file: last close × last factors ÷ (first close × first factors). The
/// tolerance is that of the files: the first row's price factor has seven digits and its split factor six; each dividend
/// four digits after the point, of prices of a few dollars and more.
///
/// A position of 300 shares is worth what they have become, and brought the dividends of the file.
#[test]
fn real_shares_held_through_splits_and_dividends_are_worth_what_the_factor_files_say() {
    for (name, splits) in [("AAPL", 112), ("SPY", 1)] {
        let (Some(days), Some(text), Some(factors)) = (
            shared(&format!("{name}-1d.csv")),
            shared(&format!("{name}-actions.csv")),
            shared(&format!("{name}-factors.csv")),
        ) else {
            return;
        };
        let file = bars(&days);
        let yaml = HOLD.replace("value: 10", "value: 300");
        let config = configure(&yaml, name, &file);
        let actions = read_actions(&text, config.instrument.calendar(), file.timeframe).expect("actions");
        let outcome = run(config, &file.bars, &actions);
        assert_eq!(outcome.actions, actions.len() as u64, "none is missed");

        let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<_> = factors.lines().skip(1).map(fields).collect();
        let factor = |row: &[String]| float(&row[1]) * float(&row[2]);
        let (first, last) = (file.bars.close[0], *file.bars.close.last().expect("bars"));
        // The last row, far in the future, is of unadjusted prices.
        assert_eq!(factor(rows.last().expect("rows")), 1.0);
        let total = last / (first * factor(&rows[0])) - 1.0;
        let held = outcome.metrics.buy_and_hold_return.expect("a return");
        let rounding = 5e-8 / float(&rows[0][1])
            + if splits == 1 {
                0.0
            } else {
                5e-9 / float(&rows[0][2])
            }
            + text
                .lines()
                .filter(|line| line.contains("dividend"))
                .map(|line| 5e-5 / close_before(&file.bars, line))
                .sum::<f64>();
        let difference = ((1.0 + held) / (1.0 + total) - 1.0).abs();
        println!(
            "{name}: buy and hold {held:.6}, by the factors {total:.6}, off by {difference:.1e} of {rounding:.1e}"
        );
        assert!(difference <= rounding, "{name}: {held} {total}");

        // Shares and dividends as sums of their own.
        let (mut shares, mut dividends) = (Decimal::from(300), Decimal::ZERO);
        for row in text.lines().skip(1).map(fields) {
            match row[1].as_str() {
                "split" => shares *= decimal(&row[2]).round(),
                _ => dividends += shares * decimal(&row[3]),
            }
        }
        assert_eq!(shares, Decimal::from(300 * splits));
        let exact = |price: f64| decimal(&price.to_string());
        // Decided on at the first close, bought at the second open.
        let worth = shares * exact(last) - Decimal::from(300) * exact(file.bars.open[1]);
        assert_eq!(
            outcome.final_equity.amount,
            Decimal::from(100_000) + worth + dividends
        );
        assert_eq!(sums(&outcome)[0].2, dividends.normalize());
    }
}

/// The close before the day of an action's row.
fn close_before(bars: &Bars, row: &str) -> f64 {
    let day = papertape::model::Timestamp::parse(&row[..10]).expect("a day");
    let after = bars.open_time.partition_point(|time| *time < day);
    bars.close[after - 1]
}
