//! The examples of `docs/strategy-language.md` trade, and do what the text beside them says that they do.

use papertape::alert::AlertRules;
use papertape::backtest::{self, Outcome};
use papertape::engine::{EngineConfig, ExecutionConfig};
use papertape::market::{Bars, Calendar, CalendarId, Phase, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::{Instrument, InstrumentKind, Money, Side, Symbol, Timeframe, Timestamp};
use papertape::portfolio::{Trade, TradeSide};
use papertape::strategy::Strategy;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600;

/// An example that has run.
struct Example {
    yaml: String,
    timeframe: Timeframe,
    outcome: Outcome,
}

impl Example {
    fn trades(&self) -> &[Trade] {
        &self.outcome.trades
    }

    /// Seconds that round trips took, those that are over.
    fn lengths(&self) -> Vec<i64> {
        let closed = self
            .trades()
            .iter()
            .filter_map(|trade| Some((trade.entry_time, trade.exit_time?)));
        closed.map(|(entry, exit)| exit.secs() - entry.secs()).collect()
    }
}

/// A simulated symbol; shares trade in New York's hours, where the simulated market never rests.
fn instrument(symbol: &Symbol) -> Instrument {
    let instrument = SimulatedMarket::instrument(symbol);
    if *instrument.kind() == InstrumentKind::Equity {
        instrument.with_calendar(CalendarId::UsEquities)
    } else {
        instrument
    }
}

/// Minutes of a simulated symbol in which its market is open, each made once.
#[derive(Default)]
struct Markets(BTreeMap<String, Bars>);

impl Markets {
    fn minutes(&mut self, symbol: &Symbol, days: usize) -> Bars {
        let all = self.0.entry(symbol.to_string()).or_insert_with(|| {
            let config = SimulatedMarketConfig {
                symbol: symbol.clone(),
                seed: 7,
                start: Timestamp::parse("2024-06-03").expect("a time"),
            };
            let calendar = Calendar::of(instrument(symbol).calendar());
            let all = SimulatedMarket::bars(config, 150 * 24 * 60);
            let open = all
                .iter()
                .filter(|bar| calendar.phase(bar.open_time) == Phase::Regular);
            open.collect()
        });
        let first = all.iter().next().map_or(0, |bar| bar.open_time.secs());
        let until = first + days as i64 * 24 * HOUR;
        all.iter()
            .take_while(|bar| bar.open_time.secs() < until)
            .collect()
    }

    /// Runs a file over its symbols, or BTC/USDT, with 100,000 and the usual costs, as long as its timeframe asks for.
    fn run(&mut self, yaml: String) -> Example {
        let strategy = Strategy::compile(&yaml, &BTreeMap::new(), None)
            .unwrap_or_else(|problems| panic!("{yaml}\n{problems:?}"));
        let timeframe = strategy.timeframe;
        let days = match timeframe.secs() {
            ..=900 => 20,
            901..=3_600 => 60,
            _ => 150,
        };
        let mut symbols = strategy.symbols.clone();
        if symbols.is_empty() {
            symbols.push("BTC/USDT".parse().expect("a symbol"));
        }
        let traded = symbols.len();
        let read = strategy
            .program
            .symbols()
            .iter()
            .filter(|it| !symbols.contains(it));
        let read: Vec<Symbol> = read.cloned().collect();
        symbols.extend(read);
        // What happens inside a bar is seen by quarters of it, or by minutes.
        let base = [Timeframe::DAY, Timeframe::HOUR, Timeframe::MINUTE]
            .into_iter()
            .find(|base| base.secs() < timeframe.secs() && timeframe.is_multiple_of(*base))
            .unwrap_or(timeframe);
        let bars: Vec<Bars> = symbols
            .iter()
            .map(|symbol| backtest::aggregate(&self.minutes(symbol, days), Timeframe::MINUTE, base))
            .collect();
        let mut instruments = symbols.iter().map(instrument);
        let instrument = instruments.next().expect("a symbol");
        let config = EngineConfig {
            initial_capital: Money::new(Decimal::from(100_000), instrument.quote()),
            instrument,
            peers: instruments.by_ref().take(traded - 1).collect(),
            others: instruments.collect(),
            strategy,
            account: Default::default(),
            option_model: None,
            base_timeframe: base,
            execution: ExecutionConfig::default(),
            alerts: AlertRules::default(),
        };
        let outcome = match &bars[..] {
            [bars] => backtest::run(config, bars, &mut |_| true),
            several => backtest::run_together(config, several, &mut |_| true),
        };
        Example {
            yaml,
            timeframe,
            outcome: outcome.expect("nobody cancels"),
        }
    }
}

/// Most round trips that are open at once, and most of them in one symbol.
fn open_at_once(trades: &[Trade]) -> usize {
    let during = |at: Timestamp| {
        let open = trades
            .iter()
            .filter(|it| it.entry_time <= at && it.exit_time.is_none_or(|exit| at < exit));
        open.count()
    };
    trades
        .iter()
        .map(|trade| during(trade.entry_time))
        .max()
        .unwrap_or(0)
}

/// What a text says of its example.
fn as_told(name: &str, it: &Example) -> Result<(), String> {
    let wants = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{name}: {what}"))
        }
    };
    let bar = it.timeframe.secs() as i64;
    let times = |trade: &Trade| (trade.entry_time.secs(), trade.exit_time.map(Timestamp::secs));
    match name {
        "Above the average" | "SMA cross" | "Bitcoin leads" => wants(
            it.trades().iter().all(|trade| trade.side == TradeSide::Long),
            "buys only",
        ),
        "Patient entry" | "Both sides" => {
            let has = |side: TradeSide| it.trades().iter().any(|trade| trade.side == side);
            wants(has(TradeSide::Long) && has(TradeSide::Short), "trades both ways")
        }
        "Strongest of three" => wants(
            open_at_once(it.trades()) == 2,
            "holds two at most, and two at times",
        ),
        "Not the same twice" => wants(
            it.outcome.setbacks.refused_entries() > 0,
            "entries that move alike are denied",
        ),
        "Sixty and thirty" => {
            let equity = it.outcome.engine().equity().amount;
            let shares = it.outcome.engine().positions();
            let near = [("BTC/USDT", 60), ("ETH/USDT", 30)]
                .iter()
                .all(|(symbol, percent)| {
                    let held = shares
                        .iter()
                        .find(|position| position.symbol.to_string() == *symbol);
                    // A drift of 5 %, and what one more hour moves.
                    held.is_some_and(|held| {
                        (held.market_value.amount / equity * Decimal::from(100) - Decimal::from(*percent))
                            .abs()
                            < Decimal::from(6)
                    })
                });
            wants(near, "keeps the weights within the drift")
        }
        "Even risk" => {
            let cash = it.outcome.engine().cash().amount / it.outcome.engine().equity().amount;
            wants(
                cash > Decimal::ZERO && it.outcome.engine().positions().len() == 3,
                "holds all three, some cash stays",
            )
        }
        "Protected" => {
            let pairs = it.trades().windows(2);
            let rests = pairs.clone().all(|pair| {
                times(&pair[0])
                    .1
                    .is_none_or(|exit| times(&pair[1]).0 - exit >= 10 * bar)
            });
            wants(rests && pairs.len() > 0, "ten bars pass after an exit")
        }
        "Pyramid with the trend" => {
            // Each addition has a stop of its own, after which there may be another. The first fill of a trade may stand
            // beside that of what it reversed.
            let parts = |trade: &Trade| {
                let inside = it.outcome.fills.iter().filter(|fill| {
                    fill.time > trade.entry_time && trade.exit_time.is_none_or(|exit| fill.time < exit)
                });
                let open = inside.scan(1, |open, fill| {
                    let is_opening = (fill.side == Side::Buy) == (trade.side == TradeSide::Long);
                    *open += if is_opening { 1 } else { -1 };
                    Some(*open)
                });
                open.max().unwrap_or(1)
            };
            let most = it.trades().iter().map(parts).max().unwrap_or(0);
            wants(
                (2..=4).contains(&most),
                &format!("one entry and three more at most at a time, not {most}"),
            )
        }
        "Opening range, flat at night" => {
            // From 10:00 to 16:00 in New York, in summer.
            let is_within_a_day = it.lengths().iter().all(|length| *length <= 6 * HOUR);
            wants(is_within_a_day && !it.lengths().is_empty(), "is flat at night")
        }
        "In office hours, not for long" => {
            let entries = it
                .trades()
                .iter()
                .map(|trade| (trade.entry_time.secs() / HOUR + 24 * 365) % 24);
            let short = it.lengths().iter().all(|length| *length <= 37 * bar);
            wants(
                entries.clone().all(|hour| (8..=18).contains(&hour)) && short,
                "in office hours, not for long",
            )
        }
        _ => Ok(()),
    }
}

#[test]
fn every_example_trades_and_does_what_is_said_of_it() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/strategy-language.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let mut markets = Markets::default();
    let mut wrong = Vec::new();
    let blocks = text.split("```yaml\n").skip(1);
    let sources: Vec<String> = blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect();
    assert!(sources.len() >= 20, "{} examples", sources.len());
    for yaml in sources.into_iter().filter(|yaml| !yaml.contains("\nextends:")) {
        let example = markets.run(yaml);
        let name = example.outcome.engine().config().strategy.name.clone();
        if example.outcome.fills.is_empty() {
            wrong.push(format!("never trades:\n{}", example.yaml));
        }
        wrong.extend(as_told(&name, &example).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
