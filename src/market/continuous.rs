//! The contracts of a future joined into one series, as its traders follow it: always the front contract, and older prices moved
//! by what the contracts were apart when one took the other's place.

use super::{Bar, Bars, Calendar, CalendarId, FutureContract, RollRule};
use crate::model::{Symbol, Timestamp};

/// One contract with its bars.
#[derive(Clone, Debug, PartialEq)]
pub struct ContractBars {
    /// Its symbol.
    pub symbol: Symbol,
    /// When it is settled.
    pub expiry: Timestamp,
    /// Its bars.
    pub bars: Bars,
}

/// One contract took another's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Roll {
    /// The open of the first bar of the later contract.
    pub time: Timestamp,
    /// The contract that was left.
    pub from: Symbol,
    /// The contract that took its place.
    pub to: Symbol,
    /// What the one left closed at with the last bar that both have before the roll.
    pub from_price: f64,
    /// What the other closed at with the same bar.
    pub to_price: f64,
}

/// A series of several contracts.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinuousBars {
    /// The front contract's bars.
    pub bars: Bars,
    /// Where one contract took another's place, in order of time.
    pub rolls: Vec<Roll>,
}

/// Why contracts make no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContinuousError {
    /// Fewer than two.
    #[error("a roll needs two contracts at least")]
    TooFew,
    /// A contract without bars.
    #[error("{0} has no bars")]
    Empty(Symbol),
    /// Two that end at once.
    #[error("{0} and {1} end at the same time")]
    SameExpiry(Symbol, Symbol),
    /// Nothing says how far apart they were.
    #[error(
        "{from} and {to} have no bar in common before {time}, where the one is to take the other's place"
    )]
    NothingInCommon {
        /// The contract that is left.
        from: Symbol,
        /// The contract that is to take its place.
        to: Symbol,
        /// When.
        time: Timestamp,
    },
    /// The distances add up to more than the price.
    #[error("moved by the rolls after it, the price at {0} is not above zero: leave prices as they are")]
    BelowZero(Timestamp),
}

/// The rolls as an [action file](super::read_actions), so that a backtest over the series pays for their trades.
#[must_use]
pub fn write_rolls(rolls: &[Roll]) -> String {
    let mut text = "time,kind,from_price,price\n".to_owned();
    for roll in rolls {
        text.push_str(&format!(
            "{},roll,{},{}\n",
            roll.time, roll.from_price, roll.to_price
        ));
    }
    text
}

/// Joins contracts: of each trading day the bars of the contract that `rule` says is the front one when the day begins, by what
/// was known then. With `adjust`, older prices are moved by the distances at the later rolls (the newest contract keeps its own),
/// so that a gain or loss in points over a roll is that of who sold the one contract and bought the other at the same moment; the
/// two trades' own costs are not in it.
///
/// # Errors
/// [`ContinuousError`], by name.
pub fn join_contracts(
    mut contracts: Vec<ContractBars>,
    rule: RollRule,
    hours: CalendarId,
    adjust: bool,
) -> Result<ContinuousBars, ContinuousError> {
    contracts.sort_by_key(|contract| contract.expiry);
    if contracts.len() < 2 {
        return Err(ContinuousError::TooFew);
    }
    if let Some(contract) = contracts.iter().find(|contract| contract.bars.is_empty()) {
        return Err(ContinuousError::Empty(contract.symbol.clone()));
    }
    if let Some(pair) = contracts.windows(2).find(|pair| pair[0].expiry == pair[1].expiry) {
        let [a, b] = [&pair[0], &pair[1]].map(|contract| contract.symbol.clone());
        return Err(ContinuousError::SameExpiry(a, b));
    }
    let fronts = front_of_days(&contracts, rule, hours);
    let mut joined = ContinuousBars {
        bars: Bars::default(),
        rolls: Vec::new(),
    };
    // How many bars came before each roll.
    let mut before = Vec::new();
    let mut last: Option<usize> = None;
    for (day, front) in fronts {
        for bar in of_day(&contracts[front].bars, day) {
            if let Some(from) = last.filter(|from| *from != front) {
                joined
                    .rolls
                    .push(roll(&contracts[from], &contracts[front], bar.open_time)?);
                before.push(joined.bars.len());
            }
            last = Some(front);
            joined.bars.push(bar);
        }
    }
    if adjust {
        move_older(&mut joined, &before)?;
    }
    Ok(joined)
}

/// A trading day: bars that open from the one moment to before the other.
type Day = (Timestamp, Timestamp);

/// The trading days that have bars, each with the place of its front contract.
fn front_of_days(contracts: &[ContractBars], rule: RollRule, hours: CalendarId) -> Vec<(Day, usize)> {
    let calendar = Calendar::of(hours);
    let mut known: Vec<FutureContract> = contracts
        .iter()
        .map(|contract| FutureContract {
            expiry: contract.expiry,
            volume: 0.0,
        })
        .collect();
    let mut fronts = Vec::new();
    let mut current = 0;
    let next_bar = |from: Timestamp| {
        let first = |contract: &ContractBars| {
            let times = &contract.bars.open_time;
            times.get(times.partition_point(|time| *time < from)).copied()
        };
        contracts.iter().filter_map(first).min()
    };
    let mut begin = Timestamp::from_nanos(i64::MIN);
    while let Some(open) = next_bar(begin) {
        let day = (open, calendar.next_close(open));
        // When all are near their end, the one that was goes on as long as it has bars.
        current = rule.front(open, &known, current).unwrap_or(current);
        fronts.push((day, current));
        for (known, contract) in known.iter_mut().zip(contracts) {
            known.volume = of_day(&contract.bars, day).map(|bar| bar.volume).sum();
        }
        begin = day.1;
    }
    fronts
}

fn of_day(bars: &Bars, (begin, end): Day) -> impl Iterator<Item = Bar> + '_ {
    let first = bars.open_time.partition_point(|time| *time < begin);
    let after = bars.open_time.partition_point(|time| *time < end);
    (first..after).filter_map(|index| bars.get(index))
}

/// The change from one contract to the next, at the prices of the last bar before it that both have.
fn roll(from: &ContractBars, to: &ContractBars, time: Timestamp) -> Result<Roll, ContinuousError> {
    let times = &from.bars.open_time;
    let common = (0..times.partition_point(|open| *open < time))
        .rev()
        .find_map(|index| {
            let other = to.bars.open_time.binary_search(&times[index]).ok()?;
            Some((from.bars.close[index], to.bars.close[other]))
        });
    let (from_price, to_price) = common.ok_or_else(|| ContinuousError::NothingInCommon {
        from: from.symbol.clone(),
        to: to.symbol.clone(),
        time,
    })?;
    Ok(Roll {
        time,
        from: from.symbol.clone(),
        to: to.symbol.clone(),
        from_price,
        to_price,
    })
}

/// Moves the bars before each roll by its distance.
fn move_older(joined: &mut ContinuousBars, before: &[usize]) -> Result<(), ContinuousError> {
    let mut distance = 0.0;
    let mut end = joined.bars.len();
    for (roll, begin) in joined.rolls.iter().zip(before).rev() {
        shift(&mut joined.bars, *begin..end, distance)?;
        distance += roll.to_price - roll.from_price;
        end = *begin;
    }
    shift(&mut joined.bars, 0..end, distance)
}

fn shift(bars: &mut Bars, range: std::ops::Range<usize>, distance: f64) -> Result<(), ContinuousError> {
    // What a difference of decimals leaves behind the digits that prices have.
    let moved = |price: f64| ((price + distance) * 1e8).round() / 1e8;
    for index in range {
        for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
            column[index] = moved(column[index]);
        }
        if bars.low[index] <= 0.0 {
            return Err(ContinuousError::BelowZero(bars.open_time[index]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days of a contract from the first of December 2013 on, a bar a day: close and volume.
    fn contract(symbol: &str, expiry: &str, days: &[(i64, f64, f64)]) -> ContractBars {
        let begin = Timestamp::parse("2013-12-01").expect("a day");
        let bar = |&(day, close, volume): &(i64, f64, f64)| Bar {
            open_time: begin.plus_nanos(day * 86_400_000_000_000),
            open: close,
            high: close + 1.0,
            low: close - 1.0,
            close,
            volume,
        };
        ContractBars {
            symbol: symbol.parse().expect("a symbol"),
            expiry: Timestamp::parse(expiry).expect("a day"),
            bars: days.iter().map(bar).collect(),
        }
    }

    /// December ends on the seventh; March is ten points dearer, and busier from the third on.
    fn two() -> Vec<ContractBars> {
        let december = [
            (0, 100.0, 9.0),
            (1, 101.0, 9.0),
            (2, 102.0, 5.0),
            (3, 103.0, 4.0),
            (4, 104.0, 1.0),
        ];
        let march = [
            (1, 111.0, 1.0),
            (2, 112.5, 6.0),
            (3, 114.0, 9.0),
            (4, 116.0, 9.0),
            (5, 117.0, 9.0),
        ];
        vec![
            contract("ESH4", "2014-03-21", &march),
            contract("ESZ3", "2013-12-07", &december),
        ]
    }

    fn joined(rule: RollRule, adjust: bool) -> ContinuousBars {
        join_contracts(two(), rule, CalendarId::Always, adjust).expect("a series")
    }

    #[test]
    fn the_front_contract_is_followed_and_older_prices_are_moved() {
        let by_days = RollRule::DaysBeforeExpiry(3);
        let plain = joined(by_days, false);
        assert_eq!(plain.bars.close, [100.0, 101.0, 102.0, 114.0, 116.0, 117.0]);
        let moved = joined(by_days, true);
        // 102 and 112.5 were the closes of the day before.
        assert_eq!(moved.bars.close, [110.5, 111.5, 112.5, 114.0, 116.0, 117.0]);
        assert_eq!((moved.bars.high[0], moved.bars.low[0]), (111.5, 109.5));
        assert_eq!(moved.bars.volume, [9.0, 9.0, 5.0, 9.0, 9.0, 9.0]);
        let [roll] = &moved.rolls[..] else {
            panic!("{:?}", moved.rolls)
        };
        assert_eq!(
            (roll.from.to_string(), roll.to.to_string()),
            ("ESZ3".into(), "ESH4".into())
        );
        assert_eq!((roll.from_price, roll.to_price), (102.0, 112.5));
        assert_eq!(roll.time, Timestamp::parse("2013-12-04").expect("a day"));
    }

    #[test]
    fn volume_rolls_on_the_day_after_the_later_contract_was_busier_and_never_looks_ahead() {
        let rule = RollRule::Volume { at_the_latest: 1 };
        let whole = joined(rule, false);
        // On the third day March trades more; the fourth is the first that can know it.
        assert_eq!(whole.bars.close, [100.0, 101.0, 102.0, 114.0, 116.0, 117.0]);
        // What is known of the first days does not hang on the later ones.
        let mut cut = two();
        for contract in &mut cut {
            let early = contract
                .bars
                .iter()
                .filter(|bar| bar.open_time.secs() < 1_386_115_200);
            contract.bars = early.collect();
        }
        let cut = join_contracts(cut, rule, CalendarId::Always, false).expect("a series");
        assert_eq!(cut.bars.close, whole.bars.close[..3]);
    }

    #[test]
    fn what_makes_no_series_says_why() {
        let rule = RollRule::DaysBeforeExpiry(3);
        let join =
            |contracts| join_contracts(contracts, rule, CalendarId::Always, true).expect_err("no series");
        assert_eq!(join(vec![two().remove(0)]), ContinuousError::TooFew);
        let mut contracts = two();
        contracts[0].bars = Bars::default();
        assert_eq!(join(contracts).to_string(), "ESH4 has no bars");
        let mut contracts = two();
        contracts[0].expiry = contracts[1].expiry;
        assert_eq!(join(contracts).to_string(), "ESH4 and ESZ3 end at the same time");
        let apart = contract("ESH4", "2014-03-21", &[(4, 116.0, 9.0), (5, 117.0, 9.0)]);
        let message = join(vec![apart, two().remove(1)]).to_string();
        assert!(
            message.starts_with("ESZ3 and ESH4 have no bar in common before 2013-12-05"),
            "{message}"
        );
        let cheap = contract("ESH4", "2014-03-21", &[(2, 3.0, 9.0), (3, 3.0, 9.0)]);
        assert!(matches!(
            join(vec![cheap, two().remove(1)]),
            ContinuousError::BelowZero(_)
        ));
    }
}
