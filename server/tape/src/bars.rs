//! Bars that are made of what is on a tape.

use crate::channel::Channel;
use crate::error::Result;
use papertape::market::{Bar, MarketEvent, TradeTick};
use papertape::model::{Timeframe, Timestamp};
use std::collections::BTreeMap;

/// Bars of trades that may come late: a trade that fills a gap counts where it belongs.
#[derive(Debug)]
pub(crate) struct BarsInTheMaking {
    timeframe: Timeframe,
    from_trades: BTreeMap<Timestamp, Made>,
    from_bars: BTreeMap<Timestamp, Made>,
}

#[derive(Clone, Copy, Debug)]
struct Made {
    bar: Bar,
    opened: Timestamp,
    closed: Timestamp,
}

impl BarsInTheMaking {
    pub(crate) const fn new(timeframe: Timeframe) -> Self {
        Self {
            timeframe,
            from_trades: BTreeMap::new(),
            from_bars: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, event: &MarketEvent) {
        match event {
            MarketEvent::Trade(TradeTick {
                time, price, size, ..
            }) => {
                let whole = Bar {
                    open_time: *time,
                    open: *price,
                    high: *price,
                    low: *price,
                    close: *price,
                    volume: *size,
                };
                merge(&mut self.from_trades, self.timeframe, &whole);
            }
            MarketEvent::Bar(bar) => merge(&mut self.from_bars, self.timeframe, bar),
            _ => {}
        }
    }

    /// Bars of trades; of bars where there were no trades at all.
    pub(crate) fn finish(self) -> Vec<Bar> {
        let made = if self.from_trades.is_empty() {
            self.from_bars
        } else {
            self.from_trades
        };
        made.into_values().map(|made| made.bar).collect()
    }

    /// A bar that was told is as it was told; the others are of trades.
    fn told(self) -> Vec<Bar> {
        let mut made = self.from_trades;
        made.extend(self.from_bars);
        made.into_values().map(|made| made.bar).collect()
    }
}

/// Puts a part into the bar that it belongs to.
fn merge(bars: &mut BTreeMap<Timestamp, Made>, timeframe: Timeframe, part: &Bar) {
    let open_time = timeframe.floor(part.open_time);
    let at = part.open_time;
    let made = bars.entry(open_time).or_insert(Made {
        bar: Bar {
            open_time,
            volume: 0.0,
            ..*part
        },
        opened: at,
        closed: at,
    });
    if at < made.opened {
        (made.opened, made.bar.open) = (at, part.open);
    }
    // Of two at one time the later arrival counts.
    if at >= made.closed {
        (made.closed, made.bar.close) = (at, part.close);
    }
    made.bar.high = made.bar.high.max(part.high);
    made.bar.low = made.bar.low.min(part.low);
    made.bar.volume += part.volume;
}

/// The bars of a minute that open from a time on and before another, as they were told or made of the trades of their minute:
/// what gaps make of them only who knows the gaps can say. `None` when more than `most` records would have to be read. Waits for
/// the disk.
///
/// # Errors
/// [`TapeError`](crate::TapeError) when the tape cannot be read.
pub fn minute_bars(
    channel: &Channel,
    (from, to): (Timestamp, Timestamp),
    most: u64,
) -> Result<Option<Vec<Bar>>> {
    let spans = channel.0.spans(from, Some(to))?;
    let records: u64 = spans.iter().map(|span| span.end() - span.start() + 1).sum();
    if records > most {
        return Ok(None);
    }
    let mut bars = BarsInTheMaking::new(Timeframe::MINUTE);
    for span in spans {
        for record in channel.scan(span) {
            let record = record?;
            if let Some(event) = record.event()
                && (from..to).contains(&record.entry.time())
            {
                bars.add(event);
            }
        }
    }
    Ok(Some(bars.told()))
}
