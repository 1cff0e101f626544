//! A real capture, when the machine has it.

use super::capture::read_files;
use super::shared_data::shared_data;
use papertape::market::{CaptureEvent, CapturedQuote, DepthJoin, DepthKind, Grid, OrderBook, Quote};
use papertape::model::Side;
use papertape::testkit::instrument;

/// The messages of a real capture, when the machine has it: `PAPERTAPE_SHARED` names the folder above `data`.
fn real_capture() -> Option<Vec<CaptureEvent>> {
    let mut files = Vec::new();
    for what in ["trades", "bookticker", "depth", "depth-snapshot"] {
        let path = shared_data(&format!("BTCUSDT-20240808-{what}.csv"))?;
        files.push(std::fs::read(path).expect("a file"));
    }
    Some(read_files([0, 1, 2, 3].map(|index| &files[index][..])).expect("it is well formed"))
}

/// After the update that ends with change `u` the book must be what the venue's last quote with a number up to `u` said,
/// price and size; updates before the first quote have nothing to compare with.
#[test]
fn the_book_of_a_real_capture_has_the_best_prices_that_the_venue_showed() {
    let Some(events) = real_capture() else {
        return;
    };
    assert!(events.is_sorted_by_key(CaptureEvent::time));
    let quotes: Vec<CapturedQuote> = events
        .iter()
        .filter_map(|event| match event {
            CaptureEvent::Quote(quote) => Some(*quote),
            _ => None,
        })
        .collect();
    let trades = events
        .iter()
        .filter(|event| matches!(event, CaptureEvent::Trade(_)))
        .count();
    assert_eq!((trades, quotes.len()), (9_757, 28_040));

    let grid = Grid::of(&instrument());
    let (mut join, mut book) = (DepthJoin::default(), OrderBook::default());
    let (mut comparable, mut equal) = (0, 0);
    for event in events {
        let updates = match event {
            CaptureEvent::Snapshot(snapshot) => join.snapshot(snapshot).expect("it joins"),
            CaptureEvent::Depth(diff) => join.diff(diff).expect("nothing is missing").into_iter().collect(),
            CaptureEvent::Trade(_) | CaptureEvent::Quote(_) => continue,
        };
        // One message waits for this capture's snapshot, so after each update but the snapshot the join has its number.
        assert!(updates.len() <= 2);
        for update in updates {
            book.apply(&update);
            let last_id = join.last_id().expect("it is joined");
            let seen = quotes.partition_point(|quote| quote.update_id <= last_id);
            if update.kind == DepthKind::Snapshot || seen == 0 {
                continue;
            }
            comparable += 1;
            let shown = quotes[seen - 1].quote;
            let built = book.quote(&grid).expect("both sides are there");
            let of = |quote: Quote| (quote.bid, quote.bid_size, quote.ask, quote.ask_size);
            equal += u32::from(of(built) == of(shown));
        }
    }
    println!(
        "the book has the best prices and sizes of the venue after {equal} of {comparable} comparable updates"
    );
    assert_eq!((equal, comparable), (1_506, 1_506));
}

/// Why positions behind quotes take trades as told late: whether a run of trades at one price is the decrease that the
/// quote just before it showed, or the one that the quote just after it shows.
#[test]
fn best_quotes_of_a_real_capture_mostly_show_a_trade_before_it_is_told() {
    let Some(events) = real_capture() else {
        return;
    };
    let grid = Grid::of(&instrument());
    let lots = |size: f64| grid.lots(size).expect("a size");
    // Lots that went from the best price of a side between two quotes, unless it is another price.
    let gone = |from: &Quote, to: &Quote, side: Side, price: f64| {
        let [before, after] = [from, to].map(|quote| match side {
            Side::Buy => (quote.bid, lots(quote.bid_size)),
            Side::Sell => (-quote.ask, lots(quote.ask_size)),
        });
        let key = if side == Side::Buy { price } else { -price };
        let left = match after.0.total_cmp(&key) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => after.1,
            std::cmp::Ordering::Greater => before.1,
        };
        if before.0 == key { before.1 - left } else { 0 }
    };
    let mut quotes: Vec<Quote> = Vec::new();
    // Runs of trades: after how many quotes, whose side was taken, at what price, lots.
    let mut runs: Vec<(usize, Side, f64, i64)> = Vec::new();
    for event in events {
        match event {
            CaptureEvent::Quote(quote) => quotes.push(quote.quote),
            CaptureEvent::Trade(trade) => {
                let (side, price) = (trade.trade.aggressor.opposite(), trade.trade.price);
                let size = lots(trade.trade.size);
                match runs.last_mut() {
                    Some(run) if (run.0, run.1, run.2) == (quotes.len(), side, price) => run.3 += size,
                    _ => runs.push((quotes.len(), side, price, size)),
                }
            }
            CaptureEvent::Depth(_) | CaptureEvent::Snapshot(_) => {}
        }
    }
    let (mut shown_before, mut shown_after) = (0, 0);
    for (seen, side, price, size) in runs {
        let Some([earlier, last, next]) = seen.checked_sub(2).and_then(|first| quotes.get(first..=seen))
        else {
            continue;
        };
        shown_before += u32::from(gone(earlier, last, side, price) == size);
        shown_after += u32::from(gone(last, next, side, price) == size);
    }
    println!(
        "of runs of trades {shown_before} were shown by the quote before them, {shown_after} by the quote after"
    );
    assert!(shown_before > 2 * shown_after && shown_after > 0);
}
