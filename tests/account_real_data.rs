//! Accounts over real markets, against sums that are worked out another way. Skipped, and said so, on a machine without the
//! shared data: `PAPERTAPE_SHARED` names the folder above `data`.

#[path = "support/shared_data.rs"]
mod shared_data;

use papertape::engine::{Command, Engine, EventKind, Input};
use papertape::ledger::{HoldKey, LedgerAccount};
use papertape::market::{Bar, MarketAction, MarketEvent};
use papertape::model::{
    Instrument, InstrumentId, InstrumentKind, MarginRule, Money, Price, Quantity, Side, Timestamp,
};
use papertape::portfolio::{Account, AccountConfig, MarginMode};
use papertape::testkit::{config, decimal, fill};
use rust_decimal::{Decimal, RoundingStrategy};
use std::borrow::Cow;

const ID: InstrumentId = InstrumentId::PRIMARY;

/// The rows of a shared file, header left out; `None`, with a word, when the machine does not have it.
fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let path = shared_data::shared_data(name)?;
    let text = std::fs::read_to_string(path).expect("a text");
    let split = |line: &str| line.split(',').map(str::to_owned).collect();
    Some(text.lines().skip(1).map(split).collect())
}

fn instrument(symbol: &str, tick: &str, lot: &str, multiplier: &str) -> Instrument {
    let symbol = symbol.parse().expect("a symbol");
    Instrument::new(
        symbol,
        decimal(tick),
        decimal(lot),
        Decimal::ZERO,
        decimal(multiplier),
    )
    .expect("an instrument")
}

fn usd(amount: Decimal) -> Money {
    Money::new(amount, "USD".parse().expect("a currency"))
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// One account that trades one instrument for nothing.
struct Desk {
    account: Account,
    instrument: Instrument,
    fills: u64,
}

impl Desk {
    fn new(capital: Decimal, instrument: Instrument, config: AccountConfig) -> Self {
        Self {
            account: Account::open(usd(capital), std::slice::from_ref(&instrument), config),
            instrument,
            fills: 0,
        }
    }

    fn trade(&mut self, side: Side, quantity: Decimal, price: Decimal, at: Timestamp) {
        self.fills += 1;
        let free = usd(Decimal::ZERO);
        let fill = fill(
            &self.instrument,
            self.fills,
            side,
            Quantity(quantity),
            Price(price),
            free,
            at,
        );
        self.account
            .apply(ID, &self.instrument, &fill, Cow::Borrowed("test"));
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.account.ledger().check(), Ok(()));
        assert_eq!(self.account.check(Decimal::ZERO), Ok(()));
    }
}

// ── Shares through splits and dividends ───────────────────────────────────────────────────────────────────────────────

/// A day of an equity's files: its close, and what happened before its open.
struct Day {
    date: String,
    close: Decimal,
    split: Option<Decimal>,
    dividend: Option<Decimal>,
}

struct Equity {
    days: Vec<Day>,
    /// Last date, price factor × split factor, and the largest relative error that their rounding makes.
    factors: Vec<(String, f64, f64)>,
}

fn float(decimal: Decimal) -> f64 {
    decimal.to_string().parse().expect("a number")
}

/// Half a unit of the last digit of a factor, as a share of it: price factors have seven digits after the point, split
/// factors six significant ones and zeros behind (a 56th is 0.01785710); whole ones and quarters are exact.
fn rounding(factor: &str, column: usize) -> f64 {
    let value = decimal(factor).normalize();
    let digits = if column == 1 { 7 } else { value.scale() };
    if value.scale() <= 2 {
        return 0.0;
    }
    float(Decimal::new(5, digits + 1) / value)
}

fn equity(name: &str) -> Option<Equity> {
    let (bars, actions, factors) = (
        rows(&format!("{name}-1d.csv"))?,
        rows(&format!("{name}-actions.csv"))?,
        rows(&format!("{name}-factors.csv"))?,
    );
    let of = |date: &str, kind: &str, column: usize| {
        let found = actions.iter().find(|row| row[0] == date && row[1] == kind);
        found.map(|row| decimal(&row[column]))
    };
    let days = bars.iter().map(|row| Day {
        date: row[0].clone(),
        close: decimal(&row[4]),
        // 2.00001 and the like: the file's ratios carry the rounding of the factors; the real ones are whole.
        split: of(&row[0], "split", 2).map(|ratio| ratio.round()),
        dividend: of(&row[0], "dividend", 3),
    });
    let factors = factors.iter().map(|row| {
        let error = rounding(&row[1], 1) + rounding(&row[2], 2);
        (row[0].clone(), float(decimal(&row[1]) * decimal(&row[2])), error)
    });
    let equity = Equity {
        days: days.collect(),
        factors: factors.collect(),
    };
    // Every action of the file falls on a day with a bar, so none is missed.
    let applied = equity
        .days
        .iter()
        .map(|day| usize::from(day.split.is_some()) + usize::from(day.dividend.is_some()));
    assert_eq!(applied.sum::<usize>(), actions.len());
    Some(equity)
}

impl Equity {
    /// The adjusted close by the factor file, and its relative error.
    fn adjusted(&self, day: &Day) -> (f64, f64) {
        let row = self.factors.iter().find(|(last, ..)| *day.date <= **last);
        let (_, factor, error) = row.expect("the last row reaches 2050");
        (float(day.close) * factor, *error)
    }
}

fn shares(lot: &str) -> Instrument {
    instrument("AAPL", "0.01", lot, "1").with_kind(InstrumentKind::Equity)
}

/// Total return, day by day. The factors' convention: a dividend is reinvested at the price at which the shares would open
/// ex dividend if nothing else happened, which is the last close less the dividend, for a factor is 1 − dividend ÷ last
/// close.
///
/// The tolerance follows from the files alone. Dividends are rounded to four digits, which moves the shares bought for
/// each by 5·10⁻⁵ ÷ (close − dividend); factors as [`rounding`] says, which moves the first and the present one by half a
/// unit of their last digit. Shares are bought in lots of 10⁻⁹, which leaves less than 10⁻⁶ of cash for each of about a hundred
/// dividends of an account of at least 16,000: below 10⁻⁸ together.
#[test]
fn reinvested_dividends_give_the_total_return_of_the_factor_files_on_every_day() {
    for name in ["AAPL", "SPY"] {
        let Some(equity) = equity(name) else { return };
        let first = &equity.days[0];
        let start = Decimal::from(1_000) * first.close;
        let mut desk = Desk::new(start, shares("0.000000001"), AccountConfig::default());
        desk.trade(Side::Buy, Decimal::from(1_000), first.close, time(&first.date));
        let (begin, first_error) = equity.adjusted(first);
        let (mut tolerance, mut worst) = (1e-8 + first_error, 0.0_f64);
        for pair in equity.days.windows(2) {
            let (before, day) = (&pair[0], &pair[1]);
            let at = time(&day.date);
            let mut ex_price = before.close;
            if let Some(ratio) = day.split {
                let effect = desk
                    .account
                    .split(ID, &desk.instrument, ratio, at, Cow::Borrowed("split"))
                    .expect("a position");
                assert_eq!(effect.after.0, effect.before.0 * ratio);
                ex_price /= ratio;
            }
            if let Some(dividend) = day.dividend {
                desk.account.dividend(ID, dividend, at).expect("a position");
                ex_price -= dividend;
                let lots = desk.account.cash().amount / ex_price;
                let bought = desk.instrument.floor_to_lot(lots).0;
                desk.trade(Side::Buy, bought, ex_price, at);
                tolerance += 5e-5 / float(ex_price);
            }
            desk.account.mark(ID, Price(day.close));
            let (adjusted, error) = equity.adjusted(day);
            let ours = float(desk.account.equity().amount) / float(start);
            let difference = (ours / (adjusted / begin) - 1.0).abs();
            worst = worst.max(difference / (tolerance + error));
            assert!(
                difference <= tolerance + error,
                "{name} {}: off by {difference:e}, allowed {:e}",
                day.date,
                tolerance + error
            );
        }
        desk.check();
        let (last, _) = equity.adjusted(equity.days.last().expect("days"));
        println!(
            "{name}: {} days, total return {:.6}, the account's {:.6}, worst day at {:.0} % of the tolerance {tolerance:.1e}",
            equity.days.len(),
            last / begin - 1.0,
            float(desk.account.equity().amount) / float(start) - 1.0,
            worst * 100.0
        );
    }
}

/// Without reinvestment, cash and position equal a sum of whole shares and exact dividends, to the last digit.
#[test]
fn held_shares_and_paid_dividends_equal_an_independent_sum() {
    for (name, splits) in [("AAPL", 112), ("SPY", 1)] {
        let Some(equity) = equity(name) else { return };
        for side in [Side::Buy, Side::Sell] {
            let first = &equity.days[0];
            let capital = Decimal::from(100_000_000);
            let mut desk = Desk::new(capital, shares("1"), AccountConfig::default());
            desk.trade(side, Decimal::from(300), first.close, time(&first.date));
            let (mut held, mut dividends) = (300_i64, Decimal::ZERO);
            for day in &equity.days[1..] {
                let at = time(&day.date);
                if let Some(ratio) = day.split {
                    desk.account
                        .split(ID, &desk.instrument, ratio, at, Cow::Borrowed("split"));
                    held *= ratio.to_string().parse::<i64>().expect("a whole ratio");
                }
                if let Some(dividend) = day.dividend {
                    desk.account.dividend(ID, dividend, at);
                    dividends += dividend * Decimal::from(held);
                }
                desk.account.mark(ID, Price(day.close));
            }
            desk.check();
            assert_eq!(held, 300 * splits);
            let last = equity.days.last().expect("days").close;
            let gain = Decimal::from(held) * last - Decimal::from(300) * first.close + dividends;
            assert_eq!(
                desk.account.equity().amount,
                capital + gain * side.sign(),
                "{name} {side}"
            );
            let booked = -desk.account.ledger().balance(LedgerAccount::Dividends).amount;
            assert_eq!(booked, dividends * side.sign());
            let average = desk.account.holding(ID).entry_price().expect("a position").0;
            let exact = first.close / Decimal::from(splits);
            assert!(
                (average - exact).abs() < decimal("0.000000000002"),
                "{average} {exact}"
            );
        }
    }
}

// ── A future ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Every 97th minute another contract, both ways; the profit counted in ticks of a quarter point, as whole numbers.
#[test]
fn a_futures_profit_is_multiplier_times_points_times_contracts() {
    let Some(rows) = rows("ESZ3-1m.csv") else { return };
    let future = instrument("ESZ3", "0.25", "1", "50")
        .with_kind(InstrumentKind::Future {
            expiry: time("2013-12-20T14:30:00Z"),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("4510"),
            maintenance: decimal("4100"),
        })
        .expect("margins");
    let mut desk = Desk::new(decimal("1000000"), future, AccountConfig::default());
    // Contracts held and money spent, in contracts × ticks.
    let (mut held, mut spent, mut trades) = (0_i64, 0_i64, 0);
    let ticks = |price: Decimal| {
        let ticks = price / decimal("0.25");
        ticks
            .normalize()
            .to_string()
            .parse::<i64>()
            .expect("a whole tick")
    };
    for (minute, row) in rows.iter().enumerate() {
        let (at, close) = (time(&row[0]), decimal(&row[4]));
        if minute % 97 == 0 {
            // Three on, one off, two on, all off, and then the other way.
            let step = [3, -1, 2, -4, -3, 1, -2, 4][trades % 8];
            let side = if step > 0 { Side::Buy } else { Side::Sell };
            desk.trade(side, Decimal::from(i64::abs(step)), close, at);
            (held, spent, trades) = (held + step, spent + step * ticks(close), trades + 1);
        }
        desk.account.mark(ID, Price(close));
        // A tick of a contract is 12.50.
        let profit = Decimal::from(held * ticks(close) - spent) * decimal("12.5");
        assert_eq!(desk.account.equity().amount, decimal("1000000") + profit);
        let hold = desk.account.ledger().held(HoldKey::Position(ID)).amount;
        assert_eq!(hold, Decimal::from(held.abs() * 4_510));
        assert_eq!(
            desk.account.available().amount,
            desk.account.equity().amount - hold,
            "a gain is free, a loss is not"
        );
        assert_eq!(
            desk.account.maintenance_margin().amount,
            Decimal::from(held.abs() * 4_100)
        );
    }
    assert!(
        trades > 60 && held != 0,
        "{trades} trades, {held} contracts at the end"
    );
    let last = decimal(&rows.last().expect("rows")[4]);
    let at = time("2013-12-20T14:30:00Z");
    let settlement = desk
        .account
        .settle(ID, &desk.instrument, Price(last), at, Cow::Borrowed("expired"))
        .expect("a position");
    assert_eq!(settlement.flow.quantity.0, Decimal::from(held));
    let profit = Decimal::from(held * ticks(last) - spent) * decimal("12.5");
    assert_eq!(desk.account.cash().amount, decimal("1000000") + profit);
    assert_eq!(
        desk.account.available(),
        desk.account.cash(),
        "all margin is given back"
    );
    desk.check();
    println!("ESZ3: {} minutes, {trades} trades, profit {profit}", rows.len());
}

/// A strategy's week in the future, through the engine: what its fills bought and sold, in points, is what the account made.
#[test]
fn a_sessions_week_in_a_future_is_the_points_of_its_fills() {
    let Some(rows) = rows("ESZ3-1m.csv") else { return };
    let yaml = "name: turn\nsymbols: [ESZ3]\ntimeframe: 1m\nlet: {fast: 'sma(close, 10)', slow: 'sma(close, 60)'}\n\
                entry: {long: 'cross_above(fast, slow)', short: 'cross_below(fast, slow)'}\n\
                risk: {size: {method: fixed_quantity, value: 3}, stop_loss: 4}\n";
    let mut config = config(yaml);
    config.instrument = instrument("ESZ3", "0.25", "1", "50")
        .with_kind(InstrumentKind::Future {
            expiry: time("2013-12-20T14:30:00Z"),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("4510"),
            maintenance: decimal("4100"),
        })
        .expect("margins");
    config.initial_capital = usd(Decimal::from(50_000));
    let mut engine = Engine::new(config);
    let mut events = Vec::new();
    engine.process(&Input::Command(time(&rows[0][0]), Command::Start), &mut events);
    for row in &rows {
        let number = |column: usize| float(decimal(&row[column]));
        let bar = Bar {
            open_time: time(&row[0]),
            open: number(1),
            high: number(2),
            low: number(3),
            close: number(4),
            volume: number(5),
        };
        engine.process(&Input::market(MarketEvent::Bar(bar)), &mut events);
        let contracts = engine
            .position()
            .map_or(Decimal::ZERO, |position| position.quantity.0);
        let hold = engine.ledger().held(HoldKey::Position(ID)).amount;
        assert_eq!(hold, contracts * Decimal::from(4_510));
    }
    let settled = Price(decimal("1700"));
    let end = time("2013-12-20T14:30:00Z");
    let settlement = MarketAction::Settlement { price: settled };
    engine.process(&Input::market(MarketEvent::Action(end, settlement)), &mut events);
    let (mut points, mut held, mut fills) = (Decimal::ZERO, Decimal::ZERO, 0);
    for event in &events {
        if let EventKind::OrderFilled { fill, .. } = &event.kind {
            let signed = fill.quantity.0 * fill.side.sign();
            (points, held, fills) = (points - signed * fill.price.0, held + signed, fills + 1);
        }
    }
    points += held * settled.0;
    assert!(fills > 100, "{fills} fills");
    assert_eq!(engine.position(), None);
    assert_eq!(
        engine.cash().amount,
        Decimal::from(50_000) + points * Decimal::from(50)
    );
    assert_eq!(engine.ledger().available(), engine.cash());
    println!("ESZ3 by the engine: {fills} fills, {points} points");
}

// ── A perpetual ───────────────────────────────────────────────────────────────────────────────────────────────────────

fn perpetual() -> Instrument {
    instrument("BTC/USD", "1", "0.001", "1")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(MarginRule::Rate {
            initial: decimal("0.008"),
            maintenance: decimal("0.004"),
        })
        .expect("margins")
}

/// Funding every eight hours, at rates that change sign and carry eight digits as those of venues do.
#[test]
fn funding_over_a_month_equals_an_independent_sum() {
    let Some(rows) = rows("BTCUSDPERP-1m.csv") else {
        return;
    };
    let mut desk = Desk::new(decimal("100000"), perpetual(), AccountConfig::default());
    let first = decimal(&rows[0][4]);
    desk.trade(Side::Sell, decimal("1.234"), first, time(&rows[0][0]));
    let (mut paid, mut times) = (0_i128, 0_i64);
    for row in &rows {
        let (at, close) = (time(&row[0]), decimal(&row[4]));
        if at.secs() % 28_800 != 0 {
            continue;
        }
        // Between −0.00750 % and 0.01 %.
        let rate = (times * 7_919) % 17_500 - 7_500;
        times += 1;
        desk.account
            .fund(ID, Decimal::new(rate, 8), Price(close), at)
            .expect("a position");
        // In units of 10⁻¹¹: thousandths of coins × whole dollars × hundred-millionths.
        paid -= -1_234
            * i128::from(close.to_string().parse::<f64>().expect("a number") as i64)
            * i128::from(rate);
    }
    assert_eq!(times, 94, "three times a day for a month");
    let paid = Decimal::from_i128_with_scale(paid, 11);
    assert_eq!(
        -desk.account.ledger().balance(LedgerAccount::Funding).amount,
        paid
    );
    assert_eq!(desk.account.cash().amount, decimal("100000") + paid);
    desk.check();
    println!("BTC perpetual: {times} fundings come to {paid}");
}

/// The first minute whose close lies below the formula's price is the first that liquidates; isolated margin gives out
/// before all of the cash does.
#[test]
fn a_position_is_liquidated_at_the_formulas_price_isolated_before_cross() {
    let Some(rows) = rows("BTCUSDPERP-1m.csv") else {
        return;
    };
    let liquidated = |mode: MarginMode| {
        let config = AccountConfig {
            mode,
            leverage: Some(Decimal::TEN),
            ..AccountConfig::default()
        };
        let mut desk = Desk::new(decimal("12000"), perpetual(), config);
        let entry = decimal(&rows[0][4]);
        desk.trade(Side::Buy, Decimal::ONE, entry, time(&rows[0][0]));
        // Binance, one bracket: (wallet − entry) ÷ (0.004 − 1), where the isolated wallet is a tenth of the entry.
        let wallet = match mode {
            MarginMode::Isolated => entry / Decimal::TEN,
            MarginMode::Cross => decimal("12000"),
        };
        let formula = (wallet - entry) / (decimal("0.004") - Decimal::ONE);
        let price = desk.account.liquidation_price(ID).expect("a price").0;
        assert_eq!(
            price,
            formula.round_dp_with_strategy(12, RoundingStrategy::MidpointNearestEven)
        );
        let instruments = [desk.instrument.clone()];
        let place = rows.iter().position(|row| {
            desk.account.mark(ID, Price(decimal(&row[4])));
            desk.account.liquidation(&instruments).is_some()
        });
        let first_below = rows.iter().position(|row| decimal(&row[4]) < formula);
        assert_eq!(place, first_below);
        let place = place.expect("January 2022 fell far enough");
        let liquidation = desk.account.liquidation(&instruments).expect("still there");
        assert_eq!(
            (liquidation.side, liquidation.quantity.0),
            (Side::Sell, Decimal::ONE)
        );
        let close = decimal(&rows[place][4]);
        desk.trade(Side::Sell, Decimal::ONE, close, time(&rows[place][0]));
        assert_eq!(desk.account.liquidation(&instruments), None);
        assert_eq!(desk.account.cash().amount, decimal("12000") + close - entry);
        println!(
            "{mode:?}: liquidation price {:.2}, in minute {place} at {close}",
            price
        );
        place
    };
    assert!(liquidated(MarginMode::Isolated) < liquidated(MarginMode::Cross));
}
