//! The marks of a round trip on the price chart.

use super::{Mark, MarkKind};
use crate::format;
use papertape::api::TradeReport;
use papertape::model::Price;
use papertape::portfolio::TradeSide;

/// Where it was opened and, once it is, closed; prices with so many digits, the result in the account's currency.
pub(crate) fn trade_marks(trade: &TradeReport, digits: u32, currency: &str) -> Vec<Mark> {
    let shown = |price: Price, reason: &str| format!("{} ({reason})", format::decimal(price.0, digits));
    let mut marks = vec![Mark {
        time: trade.entry_time,
        price: trade.entry_price.to_f64(),
        kind: match trade.side {
            TradeSide::Long => MarkKind::LongEntry,
            TradeSide::Short => MarkKind::ShortEntry,
        },
        text: shown(trade.entry_price, &trade.entry_reason),
    }];
    if let (Some(time), Some(price)) = (trade.exit_time, trade.exit_price) {
        let pnl = Price(trade.pnl).to_f64();
        marks.push(Mark {
            time,
            price: price.to_f64(),
            kind: if pnl > 0.0 {
                MarkKind::WinningExit
            } else {
                MarkKind::LosingExit
            },
            text: format!(
                "{}, {} {currency}",
                shown(price, &trade.exit_reason),
                format::signed_number(pnl, 2)
            ),
        });
    }
    marks
}
