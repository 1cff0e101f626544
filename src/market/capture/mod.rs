//! Tick captures: what a venue's streams said, as they were received, from four CSV files.
//!
//! | file | columns |
//! |---|---|
//! | `*-trades.csv` | `received_us, trade_id, price, quantity, buyer_is_maker` |
//! | `*-bookticker.csv` | `received_us, update_id, bid_price, bid_qty, ask_price, ask_qty` |
//! | `*-depth.csv` | `received_us, first_update_id, final_update_id, side, price, quantity` |
//! | `*-depth-snapshot.csv` | `received_us, last_update_id, side, price, quantity` |
//!
//! Columns are found by name, others are ignored. Sides are `b` and `a`. `received_us` is the receiver's clock in
//! microseconds since 1970: the only clock that all files share, so it orders the stream and is each event's time. The
//! venue's own times are left out, since its clock may differ from the receiver's by more than a message takes.

mod error;
mod messages;
mod steps;
mod table;

pub use error::{CaptureError, CaptureProblem};
pub use steps::CaptureSteps;

use super::{DepthDiff, DepthSnapshot, Grid, Quote, TradeTick};
use crate::model::Timestamp;
use messages::{Changes, Messages, Quotes, Snapshots, Trades};

/// A file of a capture: how errors call it, and what is in it.
#[derive(Clone, Copy, Debug)]
pub struct CaptureFile<'a> {
    /// Its name or path, for errors.
    pub name: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
}

impl CaptureFile<'static> {
    /// In the place of a file of trades that is not there.
    pub const NO_TRADES: Self = Self {
        name: "no trades",
        bytes: b"received_us,trade_id,price,quantity,buyer_is_maker",
    };
    /// In the place of a file of quotes that is not there.
    pub const NO_QUOTES: Self = Self {
        name: "no quotes",
        bytes: b"received_us,update_id,bid_price,bid_qty,ask_price,ask_qty",
    };
    /// In the place of a file of changes of the book that is not there.
    pub const NO_DEPTH: Self = Self {
        name: "no changes of the book",
        bytes: b"received_us,first_update_id,final_update_id,side,price,quantity",
    };
    /// In the place of a file of snapshots that is not there.
    pub const NO_SNAPSHOT: Self = Self {
        name: "no snapshots",
        bytes: b"received_us,last_update_id,side,price,quantity",
    };
}

/// The four files of a capture.
#[derive(Clone, Copy, Debug)]
pub struct CaptureFiles<'a> {
    /// Trades.
    pub trades: CaptureFile<'a>,
    /// Best bid and ask.
    pub quotes: CaptureFile<'a>,
    /// Changes of the book.
    pub depth: CaptureFile<'a>,
    /// Snapshots of the book.
    pub snapshot: CaptureFile<'a>,
}

/// A trade with the venue's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapturedTrade {
    /// The venue's number; it rises from trade to trade.
    pub id: u64,
    /// The trade, at its time of receipt.
    pub trade: TradeTick,
}

/// The best bid and ask with the number of the book's change that made them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapturedQuote {
    /// The last change of the book that is in it.
    pub update_id: u64,
    /// The quote, at its time of receipt.
    pub quote: Quote,
}

/// One message of a capture.
#[derive(Clone, Debug, PartialEq)]
pub enum CaptureEvent {
    /// A trade.
    Trade(CapturedTrade),
    /// The best bid and ask changed.
    Quote(CapturedQuote),
    /// The book changed.
    Depth(DepthDiff),
    /// The whole book.
    Snapshot(DepthSnapshot),
}

impl CaptureEvent {
    /// When it was received.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        match self {
            Self::Trade(trade) => trade.trade.time,
            Self::Quote(quote) => quote.quote.time,
            Self::Depth(diff) => diff.update.time,
            Self::Snapshot(snapshot) => snapshot.update.time,
        }
    }
}

/// The messages of a capture in the order of receipt, read as they are asked for.
///
/// Of messages received in the same microsecond trades come first, then quotes, changes and snapshots: what explains a
/// change of the book comes before it. The first thing wrong is the last item.
///
/// ```
/// use papertape::market::{Capture, CaptureEvent, CaptureFile, CaptureFiles, Grid};
///
/// let file = |name, text: &'static str| CaptureFile { name, bytes: text.as_bytes() };
/// let files = CaptureFiles {
///     trades: file("t.csv", "received_us,trade_id,price,quantity,buyer_is_maker\n7,1,10.01,0.5,1\n"),
///     quotes: file("q.csv", "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty\n7,3,10.01,2,10.02,1\n"),
///     depth: file("d.csv", "received_us,first_update_id,final_update_id,side,price,quantity\n7,2,3,b,10.01,2\n"),
///     snapshot: file("s.csv", "received_us,last_update_id,side,price,quantity\n5,1,b,10.01,2.5\n5,1,a,10.02,1\n"),
/// };
/// let grid = Grid::of(&papertape::testkit::instrument());
/// let events = Capture::open(files, grid)?.collect::<Result<Vec<_>, _>>()?;
/// assert!(matches!(
///     events[..],
///     [CaptureEvent::Snapshot(_), CaptureEvent::Trade(_), CaptureEvent::Quote(_), CaptureEvent::Depth(_)]
/// ));
/// # Ok::<(), papertape::market::CaptureError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Capture<'a> {
    trades: Ahead<Trades<'a>>,
    quotes: Ahead<Quotes<'a>>,
    depth: Ahead<Changes<'a>>,
    snapshots: Ahead<Snapshots<'a>>,
    ended: bool,
}

impl<'a> Capture<'a> {
    /// Opens a capture of the instrument with this grid: reads the headers and the first message of each file.
    ///
    /// # Errors
    /// [`CaptureError`] when a header lacks a column, or a first message is wrong.
    pub fn open(files: CaptureFiles<'a>, grid: Grid) -> Result<Self, CaptureError> {
        Ok(Self {
            trades: Ahead::new(Trades::open(files.trades)?)?,
            quotes: Ahead::new(Quotes::open(files.quotes)?)?,
            depth: Ahead::new(Changes::open(files.depth, grid)?)?,
            snapshots: Ahead::new(Snapshots::open(files.snapshot, grid)?)?,
            ended: false,
        })
    }

    /// Takes the earliest of the messages that the files have ahead, and reads that file on.
    fn earliest(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let times = [
            self.trades.time(),
            self.quotes.time(),
            self.depth.time(),
            self.snapshots.time(),
        ];
        // The first of those that are equal, which is the order of the files above.
        let earliest = (0..times.len())
            .filter_map(|index| times[index].map(|time| (time, index)))
            .min();
        match earliest {
            None => Ok(None),
            Some((_, 0)) => self.trades.take(),
            Some((_, 1)) => self.quotes.take(),
            Some((_, 2)) => self.depth.take(),
            Some(_) => self.snapshots.take(),
        }
    }
}

impl Iterator for Capture<'_> {
    type Item = Result<CaptureEvent, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.earliest().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A file with its next message read.
#[derive(Clone, Debug)]
struct Ahead<M> {
    messages: M,
    next: Option<CaptureEvent>,
}

impl<M: Messages> Ahead<M> {
    fn new(mut messages: M) -> Result<Self, CaptureError> {
        let next = messages.next()?;
        Ok(Self { messages, next })
    }

    fn time(&self) -> Option<Timestamp> {
        self.next.as_ref().map(CaptureEvent::time)
    }

    fn take(&mut self) -> Result<Option<CaptureEvent>, CaptureError> {
        let next = self.messages.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }
}
