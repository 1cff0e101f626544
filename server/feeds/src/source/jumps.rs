//! Trades at prices that are not believed: none is lost for it.

use super::tests::{Line, at, quote, trade, traits};
use super::{Fault, Heard, IncidentKind, SourceTraits, Trouble, TroubleAct, Want};
use crate::venue::{FeedError, Told, TradesFrom};
use papertape::market::TradeTick;

const FACTOR: f64 = 6.0;

/// A source that told sixty trades at 100, one every ten milliseconds.
fn line(has_trade_backfill: bool, has_consecutive_trades: bool) -> Line {
    let mut line = Line::new(SourceTraits {
        has_trade_backfill,
        has_consecutive_trades,
        ..traits()
    });
    tell(&mut line, 1..=60, 100.0);
    assert_eq!(ids(&line), (1..=60).collect::<Vec<_>>());
    line.heard.clear();
    line
}

fn tell(line: &mut Line, ids: std::ops::RangeInclusive<u64>, price: f64) {
    for id in ids {
        line.tell(&trade(id, at(id as i64 * 10), price), at(id as i64 * 10 + 1));
    }
}

/// The numbers of what was heard.
fn ids(line: &Line) -> Vec<u64> {
    let id = |trade: &TradeTick| (trade.time.since(at(0)) / 10_000_000).unsigned_abs();
    line.trades().iter().map(id).collect()
}

fn answer(line: &mut Line, ids: std::ops::RangeInclusive<u64>, price: f64, millis: i64) {
    let tick = |id: u64| match trade(id, at(id as i64 * 10), price) {
        Told::Trade { trade, .. } => (id, trade),
        other => panic!("{other:?}"),
    };
    let trades = ids.map(tick).collect();
    line.wants.clear();
    let (heard, wants) = (&mut line.heard, &mut line.wants);
    line.source.trades_came(Ok(trades), at(millis), heard, wants);
}

/// How many never came, as the end of each gap in the trades says.
fn never_came(line: &Line) -> Vec<u64> {
    let end = |heard: &Heard| match heard {
        Heard::Trouble(Trouble {
            kind: IncidentKind::Gap,
            cause: "trades",
            act: TroubleAct::End(_, missing, _),
        }) => Some(*missing),
        _ => None,
    };
    line.heard.iter().filter_map(end).collect()
}

fn asked(line: &mut Line, millis: i64) -> Option<u64> {
    line.wants.clear();
    line.tick(at(millis));
    line.wants.iter().find_map(|want| match want {
        Want::Trades(TradesFrom { id, .. }) => Some(*id),
        _ => None,
    })
}

#[test]
fn a_trade_that_is_kept_off_is_asked_for_and_told_as_it_was() {
    for is_consecutive in [true, false] {
        let mut line = line(true, is_consecutive);
        tell(&mut line, 61..=61, 1_000.0);
        tell(&mut line, 62..=63, 100.0);
        assert!(ids(&line).is_empty(), "what follows it waits");
        assert!(line.is_on_record(IncidentKind::Quarantine, "a price of 1000 after 100"));
        assert_eq!(asked(&mut line, 800), Some(61));
        assert_eq!(line.source.fault(at(800), true), Some(Fault::MissingTrades));
        assert!(line.is_on_record(IncidentKind::Gap, "1 trades from number 61 are missing"));
        answer(&mut line, 61..=63, 100.0, 810);
        if line.source.is_asking() {
            answer(&mut line, 63..=63, 100.0, 815);
        }
        assert_eq!((ids(&line), never_came(&line)), (vec![61, 62, 63], vec![0]));
        assert!(line.trades().iter().all(|trade| trade.price < 101.0));
        assert_eq!(
            (line.source.fault(at(820), true), line.source.counters.lost),
            (None, 0)
        );
    }
}

#[test]
fn a_jump_that_the_venue_confirms_when_it_is_asked_is_believed_at_once_and_whole() {
    for is_consecutive in [true, false] {
        let mut line = line(true, is_consecutive);
        let price = 100.0 * FACTOR;
        tell(&mut line, 61..=80, price);
        assert!(ids(&line).is_empty());
        assert_eq!(asked(&mut line, 810), Some(61));
        // The stream has told more by then than the answer knows.
        tell(&mut line, 81..=82, price);
        answer(&mut line, 61..=80, price, 830);
        line.tick(at(840));
        if line.source.is_asking() {
            answer(&mut line, 80..=80, price, 850);
        }
        assert_eq!(ids(&line), (61..=82).collect::<Vec<_>>(), "{is_consecutive}");
        assert_eq!(never_came(&line), [0]);
        line.tell(&quote(1, at(860), price), at(861));
        assert_eq!((line.quotes(), line.source.fault(at(870), true)), (1, None));
    }
}

#[test]
fn a_jump_that_nobody_can_be_asked_about_is_believed_after_a_minute_and_whole() {
    for has_trade_backfill in [false, true] {
        let mut line = line(has_trade_backfill, true);
        let refused = FeedError::Unauthorized {
            venue: "venue".to_owned(),
            detail: "not in your plan".to_owned(),
        };
        let mut fault = None;
        for id in 61..=6_200 {
            tell(&mut line, id..=id, 100.0 * FACTOR);
            let now = at(id as i64 * 10 + 2);
            line.tick(now);
            if line.wants.drain(..).any(|want| matches!(want, Want::Trades(_))) {
                let (heard, wants) = (&mut line.heard, &mut line.wants);
                line.source.trades_came(Err(refused.clone()), now, heard, wants);
            }
            if id == 3_000 {
                fault = line.source.fault(now, true);
            }
        }
        assert_eq!(fault, Some(Fault::MissingTrades), "nothing fills meanwhile");
        assert_eq!(
            ids(&line),
            (61..=6_200).collect::<Vec<_>>(),
            "{has_trade_backfill}"
        );
        assert_eq!((never_came(&line), line.source.counters.lost), (vec![0], 0));
        assert_eq!(line.source.fault(at(62_010), true), None);
    }
}

#[test]
fn a_trade_that_nobody_tells_otherwise_is_missing_on_record() {
    for (has_trade_backfill, is_consecutive) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut line = line(has_trade_backfill, is_consecutive);
        tell(&mut line, 61..=61, 1_000.0);
        tell(&mut line, 62..=62, 100.0);
        for millis in (700..10_000).step_by(100) {
            if asked(&mut line, millis).is_some() {
                let down = FeedError::Trouble {
                    venue: "venue".to_owned(),
                    said: "500".to_owned(),
                };
                let (heard, wants) = (&mut line.heard, &mut line.wants);
                line.source.trades_came(Err(down), at(millis), heard, wants);
            }
        }
        let case = (has_trade_backfill, is_consecutive);
        assert_eq!((ids(&line), never_came(&line)), (vec![62], vec![1]), "{case:?}");
        assert_eq!(line.source.counters.lost, 1, "{case:?}");
    }
}

#[test]
fn a_trade_without_a_number_that_is_kept_off_is_missing_on_record() {
    let mut line = line(false, false);
    let Told::Trade { slot, trade, .. } = trade(61, at(610), 1_000.0) else {
        panic!("a trade");
    };
    line.tell(
        &Told::Trade {
            slot,
            id: None,
            trade,
        },
        at(611),
    );
    assert!(line.is_on_record(IncidentKind::Gap, "a trade was kept off"));
}
