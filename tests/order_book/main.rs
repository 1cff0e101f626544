//! The order book: what updates make of it, how messages are joined, what a capture's files say, and a real capture whose
//! book must have the best prices that the venue showed.

mod book;
mod capture;
mod join;
mod real_capture;
#[path = "../support/shared_data.rs"]
mod shared_data;

use papertape::market::{DepthKind, DepthUpdate, Level};
use papertape::model::Timestamp;

fn levels(levels: &[(i64, i64)]) -> Vec<Level> {
    levels
        .iter()
        .map(|&(price, size)| Level { price, size })
        .collect()
}

fn update(kind: DepthKind, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> DepthUpdate {
    DepthUpdate {
        time: Timestamp::EPOCH,
        kind,
        bids: levels(bids),
        asks: levels(asks),
    }
}
