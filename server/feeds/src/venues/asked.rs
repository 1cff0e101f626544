//! Requests to subscribe that have no answer yet: venues answer one after the other, and an error need not say what it refuses.

use crate::venue::{Channels, Slot};
use std::collections::VecDeque;
use std::sync::Arc;

/// A symbol under the venue's name, and what of it is asked for.
pub(crate) type Wanted = (Slot, Arc<str>, Channels);

/// Symbols that were asked for with one frame, and are neither confirmed nor refused yet.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    symbols: Vec<Wanted>,
    /// Whether it was one from the beginning.
    is_alone: bool,
}

/// What becomes of a request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was of this symbol alone; `None` when that has left.
    Of(Option<Slot>),
    /// It was of several: each is to be asked for by itself, since those who would be welcome are not to suffer for the others.
    Again(Vec<Wanted>),
}

impl Request {
    pub(crate) const fn of(symbols: Vec<Wanted>) -> Self {
        let is_alone = symbols.len() == 1;
        Self { symbols, is_alone }
    }

    /// It is refused. Who has left, or has an answer, is not told: `waits` says who has not.
    pub(crate) fn refused(mut self, waits: impl FnMut(&Wanted) -> bool) -> Refusal {
        self.symbols.retain(waits);
        match self.is_alone {
            true => Refusal::Of(self.symbols.first().map(|(slot, _, _)| *slot)),
            false => Refusal::Again(self.symbols),
        }
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.symbols.iter().map(|(slot, _, _)| *slot)
    }
}

/// All of a connection, in their order, also of those who have left meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Asked(VecDeque<Request>);

impl Asked {
    pub(crate) fn push(&mut self, symbols: Vec<Wanted>) {
        self.0.push_back(Request::of(symbols));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Something was confirmed: `is_confirmed` says whose answer has come. What was asked before one that is answered is answered.
    pub(crate) fn confirm(&mut self, is_confirmed: impl Fn(&Wanted) -> bool) {
        for request in &mut self.0 {
            request.symbols.retain(|wanted| !is_confirmed(wanted));
        }
        let answered = self.0.iter().rposition(|request| request.symbols.is_empty());
        self.0.drain(..answered.map_or(0, |last| last + 1));
    }

    /// Something is refused, and nobody says what: it is what was asked first of what has no answer; `None` when all has one.
    pub(crate) fn refused(&mut self, waits: impl FnMut(&Wanted) -> bool) -> Option<Refusal> {
        self.0.pop_front().map(|request| request.refused(waits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::{Codec, Listing, Secret, Told, VenueConfig};
    use papertape::exchange::TradingStatus;
    use papertape::model::{Instrument, Timestamp};
    use rust_decimal::Decimal;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn wanted(slot: usize) -> Wanted {
        (Slot(slot), format!("S{slot}").into(), Channels::TICKS)
    }

    #[test]
    fn a_refusal_is_of_what_was_asked_first_and_has_no_answer() {
        let mut asked = Asked::default();
        asked.push(vec![wanted(1), wanted(2), wanted(3)]);
        asked.push(vec![wanted(4)]);
        asked.push(vec![wanted(5)]);
        // One of the first request is answered, another has left.
        asked.confirm(|(slot, _, _)| *slot == Slot(1));
        let rest = Refusal::Again(vec![wanted(3)]);
        assert_eq!(asked.refused(|(slot, _, _)| *slot != Slot(2)), Some(rest));
        // The last is answered, so those before it are.
        asked.confirm(|(slot, _, _)| *slot == Slot(5));
        assert_eq!(asked.refused(|_| true), None);
    }

    #[test]
    fn one_alone_is_refused_and_several_that_shrank_to_one_are_not() {
        let alone = Request::of(vec![wanted(1)]);
        assert_eq!(alone.clone().refused(|_| true), Refusal::Of(Some(Slot(1))));
        assert_eq!(alone.refused(|_| false), Refusal::Of(None));
        let several = Request::of(vec![wanted(1), wanted(2)]);
        let shrunk = several.refused(|(slot, _, _)| *slot == Slot(2));
        assert_eq!(shrunk, Refusal::Again(vec![wanted(2)]));
    }

    /// A venue's answers to a frame of ours.
    type Answer = fn(&Value, &mut BTreeSet<(String, String)>) -> Vec<Value>;

    /// Coinbase tells all that is subscribed, and an error says nothing more.
    fn coinbase(request: &Value, known: &mut BTreeSet<(String, String)>) -> Vec<Value> {
        let products: Vec<&str> = request["product_ids"]
            .as_array()
            .map_or_else(Vec::new, |all| all.iter().filter_map(Value::as_str).collect());
        if products.contains(&"BAD-USD") {
            return vec![json!({ "type": "error", "message": "invalid product" })];
        }
        let channel = request["channel"].as_str().expect("a channel");
        known.extend(
            products
                .iter()
                .map(|product| (channel.to_owned(), (*product).to_owned())),
        );
        let mut all = json!({});
        for (channel, product) in &*known {
            if all[channel].is_null() {
                all[channel] = json!([]);
            }
            all[channel].as_array_mut().expect("a list").push(json!(product));
        }
        vec![
            json!({ "channel": "subscriptions", "timestamp": "2026-04-07T14:30:03.5Z", "events": [{ "subscriptions": all }] }),
        ]
    }

    /// Polygon confirms topic by topic.
    fn polygon(request: &Value, _known: &mut BTreeSet<(String, String)>) -> Vec<Value> {
        let status =
            |status: &str, words: String| json!([{ "ev": "status", "status": status, "message": words }]);
        if request["action"] == "auth" {
            return Vec::new();
        }
        let topics = request["params"].as_str().expect("topics");
        if topics.contains("BAD") {
            return vec![status("error", "invalid request".to_owned())];
        }
        topics
            .split(',')
            .map(|topic| status("success", format!("subscribed to: {topic}")))
            .collect()
    }

    fn binance(request: &Value, _known: &mut BTreeSet<(String, String)>) -> Vec<Value> {
        let is_bad = request["params"].to_string().contains("bad");
        vec![match is_bad {
            true => json!({ "code": 2, "msg": "Invalid request", "id": request["id"] }),
            false => json!({ "result": null, "id": request["id"] }),
        }]
    }

    /// The same with errors that do not say what they answer.
    fn binance_unnamed(request: &Value, known: &mut BTreeSet<(String, String)>) -> Vec<Value> {
        let mut answers = binance(request, known);
        for answer in &mut answers {
            if answer["code"] == 2 {
                *answer = json!({ "error": { "code": 2, "msg": "Invalid request" } });
            }
        }
        answers
    }

    fn listing(symbol: &str, venue_symbol: &str) -> Listing {
        let cent = Decimal::new(1, 2);
        let symbol = symbol.parse().expect("a symbol");
        Listing {
            instrument: Instrument::new(symbol, cent, cent, Decimal::ZERO, Decimal::ONE)
                .expect("an instrument"),
            venue_symbol: venue_symbol.into(),
            status: TradingStatus::Trading,
        }
    }

    /// All that is told when a venue answers each frame of ours in turn.
    fn told(codec: &mut dyn Codec, first: Vec<crate::venue::Frame>, answer: Answer) -> Vec<Told> {
        let (mut frames, mut told, mut known) = (VecDeque::from(first), Vec::new(), BTreeSet::new());
        while let Some(frame) = frames.pop_front() {
            let request = serde_json::from_slice(frame.bytes()).expect("JSON");
            for answer in answer(&request, &mut known) {
                let mut replies = Vec::new();
                let answer = answer.to_string();
                let read = codec.read(answer.as_bytes(), Timestamp::EPOCH, &mut told, &mut replies);
                assert_eq!(read, Ok(()), "{answer}");
                frames.extend(replies);
            }
        }
        told
    }

    #[test]
    fn one_symbol_that_a_venue_refuses_takes_no_other_down() {
        let table: [(&str, Answer, [&str; 4]); 4] = [
            ("coinbase", coinbase, ["BTC-USD", "ETH-USD", "BAD-USD", "SOL-USD"]),
            ("polygon", polygon, ["AAPL", "MSFT", "BAD", "TSLA"]),
            ("binance", binance, ["BTCUSDT", "ETHUSDT", "BADUSDT", "SOLUSDT"]),
            (
                "binance",
                binance_unnamed,
                ["BTCUSDT", "ETHUSDT", "BADUSDT", "SOLUSDT"],
            ),
        ];
        for (venue, answer, names) in table {
            let config = VenueConfig {
                key: Some(Secret::new("key".to_owned())),
                ..VenueConfig::default()
            };
            let venue = crate::venues::open(venue, config)
                .expect("a venue")
                .expect("no options");
            let mut codec = venue.codec().expect("a key").expect("a stream");
            codec.opened();
            let symbols = match venue.name() {
                "polygon" => names.map(str::to_owned),
                _ => names.map(|name| format!("{}/USD", &name[..3])),
            };
            let listings: Vec<Listing> = symbols
                .iter()
                .zip(names)
                .map(|(symbol, name)| listing(symbol, name))
                .collect();
            let of_all = |(place, listing)| (Slot(place), listing, venue.traits().stream);
            let wanted: Vec<(Slot, &Listing, Channels)> = listings.iter().enumerate().map(of_all).collect();
            let first = codec.subscribe_all(&wanted);
            let told = told(&mut *codec, first, answer);
            let confirmed: BTreeSet<Slot> = told
                .iter()
                .filter_map(|told| match told {
                    Told::Subscribed { slot } => Some(*slot),
                    _ => None,
                })
                .collect();
            let refused: BTreeSet<Option<Slot>> = told
                .iter()
                .filter_map(|told| match told {
                    Told::Refused { slot, .. } => Some(*slot),
                    _ => None,
                })
                .collect();
            let name = venue.name();
            assert_eq!(
                confirmed,
                BTreeSet::from([Slot(0), Slot(1), Slot(3)]),
                "{name}: {told:?}"
            );
            assert_eq!(refused, BTreeSet::from([Some(Slot(2))]), "{name}: {told:?}");
        }
    }
}
