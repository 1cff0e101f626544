//! What is told after a venue was away: what was traded meanwhile in its own time and once, and nothing of before as if it were now.

use super::rig::{Rig, SLOT, at};
use crate::source::SourceTraits;
use crate::source::tests::traits;
use crate::venue::Told;
use papertape::exchange::TradingStatus;
use std::time::Duration;

/// A source whose numbers have holes and that can be asked for past trades by their time: connected at 0, a trade and a quote a
/// second until 3 s, and a tick every tenth.
fn line() -> Rig {
    let by_time = SourceTraits {
        has_trade_backfill: true,
        has_consecutive_trades: false,
        stale_after: Duration::from_secs(60),
        ..traits()
    };
    let mut line = Rig::new(&[(by_time, false)]);
    for millis in [1_000, 2_000, 3_000] {
        line.pass(millis - 1_000, millis);
        line.trade(Some(millis as u64), millis, millis);
        line.quote(0, millis + 10, 100.0);
    }
    line
}

#[test]
fn what_was_traded_meanwhile_is_told_in_its_own_time_before_anything_newer() {
    let mut line = line();
    line.words();
    line.pass(3_100, 3_300);
    line.market.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 5_000);
    line.market.connected(0, at(5_000));
    // Quotes and trades come before the answer does.
    line.quote(0, 5_010, 101.0);
    line.trade(Some(5_020), 5_020, 5_020);
    line.pass(5_100, 7_000);
    line.quote(0, 7_000, 102.0);
    line.trade(Some(7_010), 7_010, 7_010);
    line.answer(&[3_000, 3_400, 4_900, 5_020], 7_020);
    line.trade(Some(7_030), 7_030, 7_030);
    assert_eq!(
        line.words(),
        [
            "Gap at 3010",
            "trade of 3400 at 3400",
            "trade of 4900 at 4900",
            "trade of 5020 at 5020",
            "trade of 7010 at 7010",
            "quote 102 at 7020",
            "Trading at 7020",
            "trade of 7030 at 7030",
        ]
    );
}

#[test]
fn what_comes_too_late_for_its_own_time_is_on_record() {
    let mut line = line();
    line.market.disconnected(0, at(3_300), "it broke");
    // Nobody waits as long as that: sessions have a clock.
    line.pass(3_300, 30_000);
    line.market.connected(0, at(30_000));
    line.quote(0, 30_010, 101.0);
    line.words();
    line.answer(&[3_000, 25_000, 30_005], 30_200);
    line.market.trades_came(0, Ok(Vec::new()), at(30_300));
    line.market.tick(at(31_300));
    line.market.trades_came(0, Ok(Vec::new()), at(31_310));
    let words = line.words();
    // The clock has told of as much, a second behind.
    assert_eq!(words[0], "trade of 25000 at 28300", "{words:?}");
    assert_eq!(words[1], "trade of 30005 at 30005", "{words:?}");
    let late = "Gap: a trade came after what followed it, and is told as of then";
    assert!(
        line.incidents().iter().any(|it| it == late),
        "{:?}",
        line.incidents()
    );
}

#[test]
fn what_was_polled_without_a_number_is_not_told_again_with_one() {
    let mut line = line();
    line.market.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 6_000);
    line.market.polled(0, at(6_000));
    line.trade(None, 5_500, 6_000);
    line.trade(None, 5_500, 6_200);
    line.market.connected(0, at(7_000));
    line.trade(Some(7_001), 7_001, 7_001);
    line.words();
    // Its second of the same moment is another one.
    line.answer(&[5_500, 6_500, 7_001], 7_100);
    line.answer(&[7_001], 7_200);
    assert_eq!(
        line.words(),
        [
            "trade of 6500 at 6500",
            "trade of 7001 at 7001",
            "Trading at 7100"
        ]
    );
}

#[test]
fn a_quote_of_before_is_none_of_now() {
    let mut line = line();
    line.market.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 5_000);
    line.market.connected(0, at(5_000));
    line.words();
    line.trade(Some(5_020), 5_020, 5_020);
    line.answer(&[5_020], 5_100);
    let words = line.words();
    assert_eq!(words, ["trade of 5020 at 5020", "Trading at 5100"]);
    line.quote(0, 5_200, 99.0);
    assert_eq!(line.words(), ["quote 99 at 5200"]);
}

#[test]
fn what_else_is_told_meanwhile_moves_no_time() {
    let mut line = line();
    line.market.disconnected(0, at(3_300), "it broke");
    line.market.connected(0, at(5_000));
    line.trade(Some(5_020), 5_020, 5_020);
    line.words();
    // Somebody else begins to listen, and the venue halts.
    line.market.tell_anew(at(5_030));
    let halted = Told::Status {
        slot: SLOT,
        time: at(5_040),
        status: TradingStatus::Halted,
    };
    line.market.told(0, &halted, at(5_040));
    line.answer(&[3_400, 5_020], 5_100);
    assert_eq!(
        line.words(),
        [
            "Gap at 3010",
            "trade of 3400 at 3400",
            "trade of 5020 at 5020",
            "Trading at 5100",
            "Halted at 5100"
        ]
    );
}
