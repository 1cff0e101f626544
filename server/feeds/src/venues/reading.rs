//! What the readers of every venue need: numbers that make sense, answers that are the venue's, and who is subscribed.

use super::asked::Wanted;
use crate::{
    config::variable,
    rest::{Answer, host_of},
    venue::{Channels, FeedError, Secrets, Slot, Told, VenueConfig},
};
use papertape::{
    market::{Bar, DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Quote, TradeTick},
    model::{Instrument, Quantity, Side, Timeframe, Timestamp},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// No price of any market is higher; what says so is a mistake.
const HIGHEST_PRICE: f64 = 1e15;
/// No size is larger.
const LARGEST_SIZE: f64 = 1e18;
/// How much of a venue's words is repeated.
const MOST_WORDS: usize = 200;

/// A price that can be one.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn price(what: &str, value: f64) -> Result<f64, String> {
    // Not a number compares false.
    if value > 0.0 && value <= HIGHEST_PRICE {
        Ok(value)
    } else {
        Err(format!("{what} {value} is no price"))
    }
}

/// A quantity that can be one; nothing is a quantity.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn size(what: &str, value: f64) -> Result<f64, String> {
    if (0.0..=LARGEST_SIZE).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{what} {value} is no quantity"))
    }
}

/// A trade that can have been one.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn trade(
    time: Timestamp,
    price_paid: f64,
    quantity: f64,
    aggressor: Side,
) -> Result<TradeTick, String> {
    let trade = TradeTick {
        time,
        price: price("trade's price", price_paid)?,
        size: size("trade's size", quantity)?,
        aggressor,
    };
    if trade.size > 0.0 {
        Ok(trade)
    } else {
        Err("a trade of nothing".to_owned())
    }
}

/// A past trade as it was told: whether it can be is judged where what is missing is known.
pub(crate) const fn past_trade(time: Timestamp, price: f64, size: f64, aggressor: Side) -> TradeTick {
    TradeTick {
        time,
        price,
        size,
        aggressor,
    }
}

/// A trade of an answer to a poll, or that it cannot have been one: an answer's others are told all the same.
pub(crate) fn polled_trade(id: Option<u64>, told: TradeTick) -> Told {
    let slot = Slot(0);
    match trade(told.time, told.price, told.size, told.aggressor) {
        Ok(trade) => Told::Trade { slot, id, trade },
        Err(why) => polled_nonsense(why),
    }
}

/// A quote of an answer to a poll, or that it cannot have been one.
pub(crate) fn polled_quote(is_timed: bool, quote: Result<Quote, String>) -> Told {
    match quote {
        Ok(quote) => Told::Quote {
            slot: Slot(0),
            id: None,
            is_timed,
            quote,
        },
        Err(why) => polled_nonsense(why),
    }
}

/// An item of an answer to a poll that makes no sense.
pub(crate) fn polled_nonsense(why: String) -> Told {
    Told::KeptOff {
        slot: Some(Slot(0)),
        why,
    }
}

/// How many digits after the point say a price of this size well, where the venue tells no step: six or so that count.
pub(crate) fn digits_of(price: f64) -> u32 {
    match price {
        _ if price >= 1_000.0 => 2,
        _ if price >= 1.0 => 4,
        _ if price >= 0.01 => 6,
        _ => 8,
    }
}

/// One lot: the size of a price that nobody gives a size for.
pub(crate) fn smallest(instrument: &Instrument) -> f64 {
    Quantity(instrument.lot()).to_f64()
}

/// One number of a trade that has a name of its own on its exchange: the exchange's number before the trade's, or, where its
/// name is no number, a hash of both (FNV-1a, 64 bits). `None` when it has no name.
pub(crate) fn trade_number(exchange: u64, id: &str) -> Option<u64> {
    const OF_TRADE: u64 = (1 << 56) - 1;
    if id.is_empty() {
        return None;
    }
    let number: Option<u64> = id.parse().ok().filter(|number| *number <= OF_TRADE);
    Some(number.map_or_else(
        || {
            let bytes = exchange.to_be_bytes().into_iter().chain(id.bytes());
            bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        },
        |number| exchange << 56 | number,
    ))
}

/// A quote that can have been one.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn quote(
    time: Timestamp,
    (bid, bid_size): (f64, f64),
    (ask, ask_size): (f64, f64),
) -> Result<Quote, String> {
    Ok(Quote {
        time,
        bid: price("bid", bid)?,
        bid_size: size("bid's size", bid_size)?,
        ask: price("ask", ask)?,
        ask_size: size("ask's size", ask_size)?,
    })
}

/// A bar that can have been one.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn bar(bar: Bar) -> Result<Bar, String> {
    bar.check().map_err(|error| error.to_string())?;
    price("high", bar.high)?;
    size("volume", bar.volume)?;
    Ok(bar)
}

/// A whole book or its changes, as `update` says, under a number that the reader counts itself: the venue gives none, and a
/// connection loses none.
pub(crate) fn counted_book(slot: Slot, number: u64, update: DepthUpdate) -> Told {
    match update.kind {
        DepthKind::Snapshot => Told::Book {
            slot,
            snapshot: DepthSnapshot {
                last_id: number,
                update,
            },
        },
        DepthKind::Changes => Told::Depth {
            slot,
            diff: DepthDiff {
                first_id: number,
                final_id: number,
                previous: None,
                update,
            },
        },
    }
}

/// Reads one venue's answers, and says what is wrong with them in the feed's name.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    /// The feed's name, which is the venue's unless the configuration gives another.
    feed: String,
    host: String,
    /// What must not show when the venue repeats it.
    secrets: Secrets,
}

impl Answers {
    pub(crate) fn new(venue: &'static str, host: &str, config: &VenueConfig) -> Self {
        let feed = if config.feed.is_empty() {
            venue
        } else {
            &config.feed
        };
        Self {
            feed: feed.to_owned(),
            host: host_of(host).to_owned(),
            secrets: Secrets::of(config),
        }
    }

    /// The feed's name, for errors that are made elsewhere.
    pub(crate) fn feed(&self) -> String {
        self.feed.clone()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`FeedError::NotTheVenue`] when it is something else.
    pub(crate) fn json<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, FeedError> {
        serde_json::from_slice(body).map_err(|error| {
            let shown = String::from_utf8_lossy(&body[..body.len().min(400)]);
            let detail = if shown.trim_start().starts_with('<') {
                "it sent HTML, not JSON".to_owned()
            } else {
                self.words(&format!("{error} in {shown}"))
            };
            FeedError::NotTheVenue {
                venue: self.feed.clone(),
                host: self.host.clone(),
                detail,
            }
        })
    }

    /// A part of an answer, which may be wrong though the others are right.
    ///
    /// # Errors
    /// [`FeedError::NotTheVenue`] when it is something else.
    pub(crate) fn part<T: DeserializeOwned>(&self, part: &Value) -> Result<T, FeedError> {
        T::deserialize(part).map_err(|error| FeedError::NotTheVenue {
            venue: self.feed.clone(),
            host: self.host.clone(),
            detail: self.words(&format!("{error} in {part}")),
        })
    }

    /// What an answer that is no success means, with the venue's `words` if it gave any.
    pub(crate) fn refusal(&self, answer: &Answer, words: Option<&str>) -> FeedError {
        let venue = self.feed.clone();
        let detail = self.words(words.unwrap_or_default());
        let detail = if detail.is_empty() {
            format!("status {}", answer.status)
        } else {
            detail
        };
        match answer.status {
            401 | 403 => FeedError::Unauthorized { venue, detail },
            418 | 429 => FeedError::RateLimited {
                venue,
                retry_after: Duration::from_secs(60),
                is_ban: answer.status == 418,
            },
            500.. => FeedError::Trouble {
                venue,
                said: answer.status.to_string(),
            },
            _ => FeedError::Refused { venue, detail },
        }
    }

    /// That the venue does not list a symbol.
    pub(crate) fn unknown(&self, symbol: impl ToString) -> FeedError {
        FeedError::UnknownSymbol {
            venue: self.feed.clone(),
            symbol: symbol.to_string(),
            near: None,
        }
    }

    /// That the venue does not have something at all.
    pub(crate) fn unsupported(&self, what: impl Into<String>) -> FeedError {
        FeedError::Unsupported {
            venue: self.feed.clone(),
            what: what.into(),
        }
    }

    /// That the venue is asked too often, in an answer that looks like a success.
    pub(crate) fn limited(&self, retry_after: Duration) -> FeedError {
        FeedError::RateLimited {
            venue: self.feed.clone(),
            retry_after,
            is_ban: false,
        }
    }

    /// That the venue has trouble, in its words.
    pub(crate) fn trouble(&self, words: &str) -> FeedError {
        FeedError::Trouble {
            venue: self.feed.clone(),
            said: self.words(words),
        }
    }

    /// That the venue refused something, in its words.
    pub(crate) fn refused(&self, words: &str) -> FeedError {
        FeedError::Refused {
            venue: self.feed.clone(),
            detail: self.words(words),
        }
    }

    /// That the venue cannot be used for a while, in its words.
    pub(crate) fn unreachable(&self, words: &str) -> FeedError {
        FeedError::Unreachable {
            venue: self.feed.clone(),
            host: self.host.clone(),
            detail: self.words(words),
        }
    }

    /// That the venue refused the key, in its words.
    pub(crate) fn unauthorized(&self, words: &str) -> FeedError {
        FeedError::Unauthorized {
            venue: self.feed.clone(),
            detail: self.words(words),
        }
    }

    /// That the feed's variable of this name, `KEY` or `SECRET`, should hold a key.
    pub(crate) fn missing_key(&self, what: &str) -> FeedError {
        FeedError::MissingKey {
            venue: self.feed.clone(),
            variable: variable(&self.feed, what),
        }
    }

    /// That bars of this length are there.
    ///
    /// # Errors
    /// [`FeedError::UnsupportedTimeframe`] when they are not.
    pub(crate) fn timeframe(&self, timeframe: Timeframe, known: &[Timeframe]) -> Result<(), FeedError> {
        if known.contains(&timeframe) {
            return Ok(());
        }
        let known: Vec<String> = known.iter().map(ToString::to_string).collect();
        Err(FeedError::UnsupportedTimeframe {
            venue: self.feed.clone(),
            timeframe,
            known: known.join(", "),
        })
    }

    /// The beginning of what the venue said, without our keys.
    fn words(&self, text: &str) -> String {
        let text = self.secrets.blot(text.trim());
        text.chars().take(MOST_WORDS).collect()
    }
}

/// A subscription of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Subscription<T> {
    /// The venue's name of the symbol.
    pub(crate) name: Arc<str>,
    /// What is wanted.
    pub(crate) channels: Channels,
    /// Whether the venue has confirmed it.
    pub(crate) is_confirmed: bool,
    /// What else the protocol keeps of it.
    pub(crate) state: T,
}

/// Who is subscribed on a connection, by slot and by the venue's name.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions<T> {
    by_slot: BTreeMap<Slot, Subscription<T>>,
    by_name: BTreeMap<Arc<str>, Slot>,
}

impl<T> Default for Subscriptions<T> {
    fn default() -> Self {
        Self {
            by_slot: BTreeMap::new(),
            by_name: BTreeMap::new(),
        }
    }
}

impl<T> Subscriptions<T> {
    pub(crate) fn insert(&mut self, slot: Slot, name: &Arc<str>, channels: Channels, state: T) {
        self.remove(slot);
        self.by_name.insert(Arc::clone(name), slot);
        let name = Arc::clone(name);
        self.by_slot.insert(
            slot,
            Subscription {
                name,
                channels,
                is_confirmed: false,
                state,
            },
        );
    }

    /// More is wanted of a slot, which the venue has to confirm.
    pub(crate) fn widen(&mut self, slot: Slot, more: Channels) -> Option<&mut Subscription<T>> {
        let entry = self.by_slot.get_mut(&slot)?;
        entry.channels = entry.channels.or(more);
        entry.is_confirmed = false;
        Some(entry)
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Subscription<T>> {
        let gone = self.by_slot.remove(&slot)?;
        if self.by_name.get(&gone.name) == Some(&slot) {
            self.by_name.remove(&gone.name);
        }
        Some(gone)
    }

    pub(crate) fn find(&mut self, name: &str) -> Option<(Slot, &mut Subscription<T>)> {
        let slot = *self.by_name.get(name)?;
        self.by_slot.get_mut(&slot).map(|entry| (slot, entry))
    }

    /// Whether somebody still wants what was asked for.
    pub(crate) fn wants(&self, (slot, name, _): &Wanted) -> bool {
        self.by_slot.get(slot).is_some_and(|entry| entry.name == *name)
    }

    /// The same, where it is not confirmed.
    pub(crate) fn waits(&self, wanted: &Wanted) -> bool {
        self.wants(wanted)
            && self
                .by_slot
                .get(&wanted.0)
                .is_some_and(|entry| !entry.is_confirmed)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Subscription<T>> {
        self.by_slot.get_mut(&slot)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Subscription<T>)> {
        self.by_slot.iter_mut().map(|(slot, entry)| (*slot, entry))
    }
}

/// Which side took, where a venue does not say: by the quote that stood, otherwise by how the price moved (Lee and Ready,
/// *Inferring Trade Direction from Intraday Data*, Journal of Finance 46, 1991).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TakerGuess {
    mid: Option<f64>,
    last: Option<(f64, Side)>,
}

impl TakerGuess {
    /// A quote came.
    pub(crate) fn quoted(&mut self, quote: &Quote) {
        self.mid = Some(quote.mid());
    }

    /// A trade came: who took?
    pub(crate) fn traded(&mut self, price: f64) -> Side {
        let by_side = |reference: f64, at_reference: Side| match price.partial_cmp(&reference) {
            Some(std::cmp::Ordering::Greater) => Side::Buy,
            Some(std::cmp::Ordering::Less) => Side::Sell,
            _ => at_reference,
        };
        let by_move = self.last.map_or(Side::Buy, |(last, side)| by_side(last, side));
        let side = self.mid.map_or(by_move, |mid| by_side(mid, by_move));
        self.last = Some((price, side));
        side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::Secret;

    #[test]
    fn absurd_numbers_are_no_prices_and_no_quantities() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(price("price", value).is_err(), "{value}");
        }
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(size("size", value).is_err(), "{value}");
        }
        assert_eq!((price("price", 1e-12), size("size", 0.0)), (Ok(1e-12), Ok(0.0)));
        assert!(trade(Timestamp::EPOCH, 1.0, 0.0, Side::Buy).is_err());
    }

    #[test]
    fn trades_of_two_exchanges_are_told_apart_by_number_or_name() {
        assert_eq!(trade_number(1, "7"), Some((1 << 56) + 7));
        assert_eq!(trade_number(1, ""), None);
        let ids = ["7", "8", "a7", "b7", "99999999999999999999"];
        let all: std::collections::BTreeSet<u64> = [1, 2]
            .into_iter()
            .flat_map(|exchange| ids.map(|id| trade_number(exchange, id).expect("a name")))
            .collect();
        assert_eq!(all.len(), 10);
    }

    #[test]
    fn how_often_to_ask_may_be_said() {
        let every = |text: Option<&str>| {
            let option = text.map(|text| ("poll_every_s".to_owned(), text.to_owned()));
            let config = VenueConfig {
                options: option.into_iter().collect(),
                ..VenueConfig::default()
            };
            let answers = Answers::new("venue", "http://host", &config);
            let every = answers.poll_every(&config, Duration::from_secs(60));
            every.map_err(|error| error.to_string())
        };
        assert_eq!(every(None), Ok(Duration::from_secs(60)));
        assert_eq!(every(Some("0.5")), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "1e300", "NaN", "often"] {
            let message = format!("venue has no poll_every_s '{text}'; it may be 0.2 to 3600");
            assert_eq!(every(Some(text)), Err(message));
        }
    }

    #[test]
    fn the_taker_is_on_the_side_of_the_quote_that_was_met_or_where_the_price_went() {
        let mut guess = TakerGuess::default();
        assert_eq!(
            [10.0, 9.0, 9.0, 11.0].map(|price| guess.traded(price)),
            [Side::Buy, Side::Sell, Side::Sell, Side::Buy]
        );
        let met = quote(Timestamp::EPOCH, (10.0, 1.0), (12.0, 1.0)).expect("a quote");
        guess.quoted(&met);
        assert_eq!(
            [12.0, 10.0, 11.0].map(|price| guess.traded(price)),
            [Side::Buy, Side::Sell, Side::Buy],
            "the last one is at the middle, above the one before"
        );
    }

    #[test]
    fn keys_that_a_venue_repeats_do_not_show() {
        let config = VenueConfig {
            key: Some(Secret::new("k3y".to_owned())),
            ..VenueConfig::default()
        };
        let answers = Answers::new("venue", "http://host", &config);
        let answer = Answer {
            status: 401,
            body: Vec::new(),
        };
        let error = answers.refusal(&answer, Some("unknown key k3y"));
        assert_eq!(error.to_string(), "venue refused the key: unknown key (secret)");
        let html = answers
            .json::<u32>(b"<html>k3y</html>")
            .map_err(|error| error.to_string());
        assert_eq!(
            html,
            Err("what answers at host is not venue: it sent HTML, not JSON".to_owned())
        );
    }
}
