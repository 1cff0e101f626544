//! Best prices that contradict the believed price: what was told before them is over, and nobody knows what is true instead.
//! Until they fit again, or are believed, nothing fills, neither on them nor on those before them.

use super::{Heard, Source, begin, end};
use crate::quality::IncidentKind;
use papertape::model::Timestamp;

/// A channel that tells best prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bests {
    Quotes,
    Book,
}

impl Bests {
    /// Under which cause its contradictions are on record.
    const fn cause(self) -> &'static str {
        match self {
            Self::Quotes => "strange quotes",
            Self::Book => "strange book",
        }
    }
}

/// Since when the channels contradict what is believed, those that do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contradicted {
    quotes: Option<Timestamp>,
    book: Option<Timestamp>,
    /// Since when nobody buys, or nobody sells, as quotes say that came after one with both.
    one_sided: Option<Timestamp>,
}

impl Contradicted {
    const fn of(&mut self, bests: Bests) -> &mut Option<Timestamp> {
        match bests {
            Bests::Quotes => &mut self.quotes,
            Bests::Book => &mut self.book,
        }
    }

    pub(super) const fn is_any(&self) -> bool {
        self.quotes.is_some() || self.book.is_some()
    }

    /// Since when the quotes have one side.
    pub(super) const fn one_sided(&self) -> Option<Timestamp> {
        self.one_sided
    }

    /// Since when the book does.
    pub(super) const fn book(&self) -> Option<Timestamp> {
        self.book
    }
}

impl Source {
    /// A channel tells what is not believed: that is kept off, and what it told before is over.
    #[cold]
    pub(super) fn contradicts(
        &mut self,
        bests: Bests,
        why: String,
        received: Timestamp,
        heard: &mut Vec<Heard>,
    ) {
        self.kept_off(why.clone(), received, heard);
        let since = self.contradicted.of(bests);
        if since.is_none() {
            *since = Some(received);
            self.is_changed = true;
            let from = self.since(received);
            heard.push(begin(IncidentKind::Gap, bests.cause(), from, why));
        }
    }

    /// Quotes say that nobody buys, or nobody sells: the last one is over. What is quoted so from the beginning has none.
    #[cold]
    pub(super) fn has_one_side(&mut self, received: Timestamp) {
        self.silent_quotes.speaks();
        if self.last_quote.is_some() && self.contradicted.one_sided.is_none() {
            self.contradicted.one_sided = Some(received);
            (self.is_quote_current, self.is_changed) = (false, true);
        }
    }

    /// A channel fits what is believed, or tells nothing that could contradict it any more.
    #[inline]
    pub(super) fn fits(&mut self, bests: Bests, received: Timestamp, heard: &mut Vec<Heard>) {
        if bests == Bests::Quotes && self.contradicted.one_sided.take().is_some() {
            self.is_changed = true;
        }
        if self.contradicted.of(bests).take().is_some() {
            self.is_changed = true;
            heard.push(end(IncidentKind::Gap, bests.cause(), received, 0, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Line, SLOT, answer_book, at, know_price, line_with_book, quote, with_book};
    use super::*;
    use crate::source::{Fault, Trouble, TroubleAct, Want};
    use crate::venue::Told;
    use papertape::market::{DepthDiff, DepthKind, DepthUpdate, Level};

    /// A change of the book that leaves nothing of it but a bid and an ask at these prices.
    fn moved(id: u64, millis: i64, from: i64, to: i64) -> Told {
        let levels = |from, to| {
            let level = |price, size| Level { price, size };
            vec![level(from, 0), level(to, 5)]
        };
        let update = DepthUpdate {
            time: at(millis),
            kind: DepthKind::Changes,
            bids: levels(from, to),
            asks: levels(from + 1, to + 1),
        };
        let diff = DepthDiff {
            first_id: id,
            final_id: id,
            previous: None,
            update,
        };
        Told::Depth { slot: SLOT, diff }
    }

    fn books(line: &Line) -> Vec<DepthUpdate> {
        let book = |heard: &Heard| match heard {
            Heard::Depth(update) => Some(update.clone()),
            _ => None,
        };
        line.heard.iter().filter_map(book).collect()
    }

    fn has_ended(line: &Line, cause: &str) -> bool {
        line.heard.iter().any(|heard| {
            matches!(heard, Heard::Trouble(Trouble { cause: of, act: TroubleAct::End(..), .. }) if *of == cause)
        })
    }

    #[test]
    fn a_book_far_from_the_believed_price_is_not_told_until_it_fits_again() {
        let mut line = line_with_book();
        line.heard.clear();
        line.tell(&moved(11, 100, 100, 1_000), at(110));
        line.tell(&moved(12, 200, 1_000, 1_002), at(210));
        assert_eq!(books(&line), []);
        assert_eq!(line.source.fault(at(210), true), Some(Fault::Contradicted));
        assert!(
            line.source.known_book().is_none(),
            "nor is it told to whoever comes"
        );
        let why = "a price of 1000 after 100.25 in the order book";
        assert!(
            line.is_on_record(IncidentKind::Quarantine, why),
            "{:?}",
            line.heard
        );
        assert!(line.is_on_record(IncidentKind::Gap, why) && !has_ended(&line, "strange book"));
        assert_eq!(line.source.counters.quarantined, 2);
        // The price before the jump: the whole book, since its changes were not told.
        line.tell(&moved(13, 300, 1_002, 99), at(310));
        let [book] = &books(&line)[..] else {
            panic!("{:?}", line.heard)
        };
        assert_eq!(
            (book.kind, book.bids.len(), book.bids[0].price),
            (DepthKind::Snapshot, 1, 99)
        );
        assert_eq!(line.source.fault(at(310), true), None);
        assert!(
            has_ended(&line, "strange book") && line.wants.is_empty(),
            "its numbers go on"
        );
        line.tell(&moved(14, 400, 99, 100), at(410));
        assert_eq!(books(&line)[1].kind, DepthKind::Changes);
    }

    #[test]
    fn quotes_far_from_the_believed_price_make_those_before_them_doubtful() {
        let mut line = line_with_book();
        line.tell(&quote(1, at(100), 1_000.0), at(110));
        assert_eq!(line.source.fault(at(110), true), Some(Fault::Contradicted));
        assert!(line.is_on_record(IncidentKind::Gap, "a price of 1000 after 100.25"));
        // The book fits all the while: nobody knows what the quotes are.
        line.tell(&moved(11, 120, 100, 99), at(130));
        assert_eq!(line.source.fault(at(130), true), Some(Fault::Contradicted));
        line.tell(&quote(2, at(140), 100.0), at(150));
        assert_eq!(line.source.fault(at(150), true), None);
        assert!(has_ended(&line, "strange quotes"));
        // Of a connection that is gone nothing contradicts.
        line.tell(&quote(3, at(160), 1_000.0), at(170));
        line.heard.clear();
        line.source.disconnected(at(180), "gone", &mut line.heard);
        assert!(has_ended(&line, "strange quotes"));
    }

    #[test]
    fn a_quote_of_which_one_side_is_gone_is_over_while_its_market_is_open() {
        let mut line = Line::new(with_book());
        line.tell(&Told::OneSided { slot: SLOT }, at(1));
        assert_eq!(line.source.fault(at(1), true), None, "it never had two");
        let mut line = line_with_book();
        line.tell(&quote(1, at(110), 100.0), at(110));
        line.tell(&Told::OneSided { slot: SLOT }, at(120));
        assert_eq!(line.source.fault(at(120), true), Some(Fault::OneSided));
        assert_eq!(line.source.fault(at(120), false), None, "it is after hours");
        assert_eq!(
            (
                line.source.quote_now(),
                line.source.stale_since(Fault::OneSided, at(130))
            ),
            (None, Some(at(120)))
        );
        line.tell(&quote(2, at(140), 100.0), at(140));
        assert_eq!(line.source.fault(at(140), true), None);
    }

    #[test]
    fn before_a_price_is_known_no_book_is_told() {
        let ask = |line: &mut Line, price: i64| {
            line.tell(&moved(10, 10, 1, price), at(20));
            let level = |price| vec![Level { price, size: 5 }];
            let update = DepthUpdate {
                time: Timestamp::EPOCH,
                kind: DepthKind::Snapshot,
                bids: level(price),
                asks: level(price + 1),
            };
            let snapshot = papertape::market::DepthSnapshot { last_id: 10, update };
            let (heard, wants) = (&mut line.heard, &mut line.wants);
            line.source.book_came(Ok(snapshot), at(30), heard, wants);
            assert!(books(line).is_empty() && line.source.known_book().is_none());
            know_price(line);
        };
        let mut line = Line::new(with_book());
        ask(&mut line, 100);
        assert_eq!(books(&line).len(), 1, "as soon as one is known");
        assert_eq!(books(&line)[0].kind, DepthKind::Snapshot);
        let mut line = Line::new(with_book());
        ask(&mut line, 1_000);
        assert_eq!(books(&line), []);
        assert_eq!(line.source.fault(at(40), true), Some(Fault::Contradicted));
    }

    #[test]
    fn a_book_that_goes_on_contradicting_is_asked_for_anew() {
        let mut line = line_with_book();
        line.tell(&moved(11, 100, 100, 1_000), at(110));
        line.wants.clear();
        line.tick(at(9_000));
        assert_eq!(line.wants, []);
        line.tick(at(11_000));
        assert_eq!(line.wants, [Want::Book]);
        line.tell(&quote(1, at(11_010), 100.0), at(11_010));
        answer_book(&mut line, 20, at(11_020));
        assert_eq!(line.source.fault(at(11_030), true), None);
    }

    #[test]
    fn a_book_that_contradicts_for_good_is_asked_for_ever_more_rarely() {
        let mut line = line_with_book();
        line.tell(&moved(11, 100, 100, 1_000), at(110));
        let mut asked = Vec::new();
        for second in 1..200 {
            let now = at(second * 1_000);
            line.wants.clear();
            line.tell(&quote(second as u64, now, 100.0), now);
            line.tick(now);
            if line.wants.contains(&Want::Book) {
                asked.push(second);
                let level = |price| vec![Level { price, size: 5 }];
                let update = DepthUpdate {
                    time: Timestamp::EPOCH,
                    kind: DepthKind::Snapshot,
                    bids: level(1_000),
                    asks: level(1_001),
                };
                let last_id = 100 + second as u64;
                let snapshot = papertape::market::DepthSnapshot { last_id, update };
                let (heard, wants) = (&mut line.heard, &mut line.wants);
                line.source.book_came(Ok(snapshot), now, heard, wants);
                assert_eq!(line.source.fault(now, true), Some(Fault::Contradicted));
            }
        }
        assert_eq!(asked, [11, 32, 73, 154]);
    }
}
