//! Which bars there should be.

use super::{Calendar, CalendarId, Phase};
use crate::model::{Timeframe, Timestamp};
use chrono::{NaiveDate, TimeDelta};

/// A bar of a day is of the trading day that it is in at this time after its open, in nanoseconds: later than every session's beginning of
/// those that open by midnight of any clock, earlier than the end of every one that opens in the daytime.
const INTO_THE_DAY: i64 = 6 * 3_600_000_000_000;

impl Calendar {
    /// How many bars are missing between two that follow each other, by their open times: bars shorter than a day that some of a regular
    /// session falls into, bars of a day of trading days. Before and after regular sessions, in their breaks, at week-ends and on holidays
    /// nothing is missing. Bars longer than a day are counted by their distance, to the nearest whole one.
    ///
    /// ```
    /// use papertape::market::{Calendar, CalendarId};
    /// use papertape::model::{Timeframe, Timestamp};
    ///
    /// let nyse = Calendar::of(CalendarId::UsEquities);
    /// let missing = |from: &str, to: &str, timeframe| {
    ///     let [from, to] = [from, to].map(|time| Timestamp::parse(time).unwrap());
    ///     nyse.missing_bars(from, to, timeframe)
    /// };
    /// // From Wednesday over Thanksgiving to Friday, and to the Monday after it.
    /// assert_eq!(missing("2024-11-27", "2024-11-29", Timeframe::DAY), 0);
    /// assert_eq!(missing("2024-11-27", "2024-12-02", Timeframe::DAY), 1);
    /// // From the last minute of a session to the second of the next.
    /// assert_eq!(missing("2024-11-26T20:59:00Z", "2024-11-27T14:31:00Z", Timeframe::MINUTE), 1);
    /// ```
    #[must_use]
    pub fn missing_bars(self, earlier: Timestamp, later: Timestamp, timeframe: Timeframe) -> u64 {
        let length = timeframe.nanos();
        let step = later.since(earlier);
        // Rounded, for the days that are an hour longer or shorter.
        let by_distance = (step.saturating_add(length / 2) / length - 1)
            .max(0)
            .unsigned_abs();
        if by_distance == 0 || self.id == CalendarId::Always || timeframe > Timeframe::DAY {
            by_distance
        } else if timeframe == Timeframe::DAY {
            let [earlier, later] =
                [earlier, later].map(|open| self.trading_day(open.plus_nanos(INTO_THE_DAY)));
            self.trading_days_between(earlier, later)
        } else {
            self.missing_within_sessions(earlier.plus_nanos(length), later, length)
        }
    }

    fn trading_days_between(self, earlier: NaiveDate, later: NaiveDate) -> u64 {
        let days = std::iter::successors(earlier.succ_opt(), NaiveDate::succ_opt);
        let between = days.take_while(|day| *day < later);
        between.filter(|day| self.schedule_on(*day).is_some()).count() as u64
    }

    /// Bars of a length that would open from one time on and before another, and that some of a regular session falls into.
    fn missing_within_sessions(self, from: Timestamp, to: Timestamp, length: i64) -> u64 {
        let (mut next, mut missing) = (from, 0);
        let mut day = from.to_datetime().date_naive() - TimeDelta::days(1);
        let end = to.to_datetime().date_naive() + TimeDelta::days(1);
        while day <= end {
            let schedule = self.schedule_on(day);
            let spans = schedule.iter().flat_map(|schedule| schedule.spans());
            for span in spans.filter(|span| span.phase == Phase::Regular) {
                // The bar that the session begins in opened before it, perhaps.
                let skipped = (span.from.since(next) / length).max(0);
                let first = next.plus_nanos(skipped * length);
                let rest = span.until.min(to).since(first).max(0);
                let count = (rest + length - 1) / length;
                missing += count.unsigned_abs();
                next = first.plus_nanos(count * length);
            }
            day += TimeDelta::days(1);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(calendar: CalendarId, earlier: &str, later: &str, timeframe: &str) -> u64 {
        let [earlier, later] = [earlier, later].map(|time| Timestamp::parse(time).expect("a time"));
        let timeframe = timeframe.parse().expect("a timeframe");
        Calendar::of(calendar).missing_bars(earlier, later, timeframe)
    }

    #[test]
    fn a_market_that_never_closes_lacks_every_bar() {
        let missing = |later, timeframe| missing(CalendarId::Always, "2024-03-01", later, timeframe);
        assert_eq!(missing("2024-03-01T00:01:00Z", "1m"), 0);
        assert_eq!(missing("2024-03-01T00:05:00Z", "1m"), 4);
        assert_eq!(missing("2024-03-04", "1d"), 2);
    }

    #[test]
    fn a_daily_bar_is_missing_for_a_trading_day_and_for_no_other() {
        let shares = |earlier, later| missing(CalendarId::UsEquities, earlier, later, "1d");
        // A week-end, a long one, a holiday within the week, and a Tuesday that is not there.
        assert_eq!(shares("2024-03-01", "2024-03-04"), 0);
        assert_eq!(shares("2024-01-12", "2024-01-16"), 0);
        assert_eq!(shares("2024-07-03", "2024-07-05"), 0);
        assert_eq!(shares("2024-03-04", "2024-03-06"), 1);
        // However the source dates its days: by their opens, by midnight in New York, over the change to summer time.
        assert_eq!(shares("2024-03-08T14:30:00Z", "2024-03-11T13:30:00Z"), 0);
        assert_eq!(shares("2024-03-08T05:00:00Z", "2024-03-12T04:00:00Z"), 1);
        // Trading days that begin on the evening before.
        assert_eq!(
            missing(
                CalendarId::Forex,
                "2024-03-07T22:00:00Z",
                "2024-03-10T21:00:00Z",
                "1d"
            ),
            0
        );
        assert_eq!(
            missing(
                CalendarId::Forex,
                "2024-03-07T22:00:00Z",
                "2024-03-11T21:00:00Z",
                "1d"
            ),
            1
        );
        // 25 December.
        assert_eq!(missing(CalendarId::Forex, "2024-12-24", "2024-12-26", "1d"), 0);
    }

    #[test]
    fn an_intraday_bar_is_missing_where_some_of_a_regular_session_falls_into_it() {
        let shares = |earlier, later, timeframe| missing(CalendarId::UsEquities, earlier, later, timeframe);
        // Overnight, over a week-end, and after a half day.
        assert_eq!(shares("2024-03-04T20:59:00Z", "2024-03-05T14:30:00Z", "1m"), 0);
        assert_eq!(shares("2024-03-01T20:59:00Z", "2024-03-04T14:32:00Z", "1m"), 2);
        assert_eq!(shares("2024-11-29T17:59:00Z", "2024-12-02T14:30:00Z", "1m"), 0);
        // A whole session of 390 minutes, and the last of the one before.
        assert_eq!(shares("2024-03-04T20:58:00Z", "2024-03-06T14:30:00Z", "1m"), 391);
        // The first hour begins at the half.
        assert_eq!(shares("2024-03-04T20:00:00Z", "2024-03-05T14:00:00Z", "1h"), 0);
        assert_eq!(shares("2024-03-04T20:00:00Z", "2024-03-05T15:00:00Z", "1h"), 1);
        // Before the open and after the close there may be bars and need not be.
        assert_eq!(shares("2024-03-04T12:00:00Z", "2024-03-04T13:00:00Z", "1m"), 0);
        // The break of every day, and one minute beside it.
        let index = |earlier, later| missing(CalendarId::CmeGlobex, earlier, later, "1m");
        assert_eq!(index("2024-03-05T21:59:00Z", "2024-03-05T23:00:00Z"), 0);
        assert_eq!(index("2024-03-05T21:58:00Z", "2024-03-05T23:00:00Z"), 1);
        // A bar of four hours that the break lies in is one bar.
        assert_eq!(
            missing(
                CalendarId::CmeGlobex,
                "2024-03-05T16:00:00Z",
                "2024-03-06T00:00:00Z",
                "4h"
            ),
            1
        );
    }
}
