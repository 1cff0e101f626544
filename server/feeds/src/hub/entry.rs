//! One venue of one configured feed: who speaks with it, and what it lists.

use super::{FeedHub, lock};
use crate::config::{Feed, nearest};
use crate::connection::{Command, DriverStatus, Lanes, Statuses, standing};
use crate::kept::{Asked, Kept, LISTINGS_FOR};
use crate::listed::Listed;
use crate::purse::Purse;
use crate::record::Clock;
use crate::rest::Rest;
use crate::source::SourceTraits;
use crate::status::Counters;
use crate::venue::{Channels, FeedError, Listing, PastBars, Reach, Secrets, Venue};
use futures::FutureExt;
use papertape::model::{Symbol, Timeframe, Timestamp};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// One venue of one configured feed.
#[derive(Debug)]
pub(super) struct VenueEntry {
    pub(super) feed: Feed,
    pub(super) venue: Arc<dyn Venue>,
    pub(super) rest: Rest,
    tls: Arc<rustls::ClientConfig>,
    statuses: Statuses,
    /// Whoever speaks with the venue, from when somebody first listens.
    pub(super) driver: OnceLock<mpsc::UnboundedSender<Command>>,
    /// All that it lists, once somebody asked for all.
    all: Kept<(), Arc<Vec<Listing>>>,
    single: Kept<Symbol, Arc<Listing>>,
    /// What was last listed of each symbol that was asked for, whoever asked.
    listed: Arc<Listed>,
    /// What symbols counted that nobody listens to any more.
    pub(super) retired: Mutex<Counters>,
}

/// How long nobody who begins to listen waits for room in a venue's limits: then the start is refused, with what may be done. Less than
/// what programs wait for an answer as a rule.
const MOST_START_WAIT: Duration = Duration::from_secs(25);

impl VenueEntry {
    pub(super) fn new(
        feed: &Feed,
        venue: Arc<dyn Venue>,
        restepped: Arc<Notify>,
        purse: Arc<Purse>,
    ) -> Result<Self, FeedError> {
        let ca_file = feed.ca_file.as_deref();
        let (base, secrets) = (venue.rest_url(), Secrets::of(&feed.config));
        let rest = Rest::sharing(&feed.name, base, venue.traits(), ca_file, purse, secrets)?;
        Ok(Self {
            feed: feed.clone(),
            venue,
            rest,
            tls: Arc::new(crate::tls::client(&feed.name, ca_file)?),
            statuses: Statuses::default(),
            driver: OnceLock::new(),
            all: Kept::new(LISTINGS_FOR),
            single: Kept::new(LISTINGS_FOR),
            listed: Arc::new(Listed::new(restepped)),
            retired: Mutex::default(),
        })
    }

    pub(super) fn traits(&self, channels: Channels) -> SourceTraits {
        SourceTraits::new(self.venue.traits(), channels, self.feed.stale_after)
    }

    pub(super) fn driver_status(&self) -> DriverStatus {
        standing(&self.statuses)
    }

    pub(super) fn driver(&self, clock: &Arc<dyn Clock>) -> &mpsc::UnboundedSender<Command> {
        self.driver.get_or_init(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let lanes = Lanes::new(
                &self.feed.name,
                Arc::clone(&self.venue),
                self.rest.clone(),
                Arc::clone(&self.tls),
                Arc::clone(clock),
                Arc::clone(&self.listed),
                Arc::clone(&self.statuses),
            );
            tokio::spawn(lanes.run(receiver));
            sender
        })
    }

    pub(super) async fn all_listings(&self) -> Result<Arc<Vec<Listing>>, FeedError> {
        let ask = || {
            let (venue, rest) = (Arc::clone(&self.venue), self.rest.within(MOST_START_WAIT));
            async move { venue.listings(&rest, None).await.map(Arc::new) }.boxed()
        };
        self.all.get(&(), ask).await
    }

    pub(super) async fn listing(&self, symbol: &Symbol) -> Result<Arc<Listing>, FeedError> {
        let whole = self.all.known(&());
        let known = self.single.get(symbol, || self.ask_for(symbol, whole)).await?;
        Ok(self.newest(&known))
    }

    /// What it lists as of now, whatever was asked before; `None` when it does not say.
    pub(super) async fn listing_anew(&self, symbol: &Symbol) -> Option<Arc<Listing>> {
        if self.tells_steps() {
            return self.listed.of(symbol);
        }
        let asked = self.single.get_anew(symbol, || self.ask_for(symbol, None));
        asked.await.ok()
    }

    /// What was heard last of what it lists; `None` when nobody has heard.
    pub(super) fn listing_heard(&self, symbol: &Symbol) -> Option<Arc<Listing>> {
        self.listed.of(symbol)
    }

    /// What it listed last of a symbol: `known`, unless something was heard since.
    pub(super) fn newest(&self, known: &Arc<Listing>) -> Arc<Listing> {
        let heard = self.listed.of(known.instrument.symbol());
        heard.unwrap_or_else(|| Arc::clone(known))
    }

    /// Whether its stream says in which steps it counts. What it lists when it is asked may be of a later time than what its
    /// stream tells.
    pub(super) fn tells_steps(&self) -> bool {
        self.venue.traits().is_relay
    }

    /// Looks for a symbol in `whole`, or asks for it, and notes how it is listed.
    fn ask_for(&self, symbol: &Symbol, whole: Option<Arc<Vec<Listing>>>) -> Asked<Arc<Listing>> {
        let (venue, rest) = (Arc::clone(&self.venue), self.rest.within(MOST_START_WAIT));
        let (listed, tells_steps) = (Arc::clone(&self.listed), self.tells_steps());
        let (name, symbol) = (self.feed.name.clone(), symbol.clone());
        async move {
            // What was not there when all were asked for may have been listed since.
            let whole = whole.filter(|all| find(&name, all, &symbol).is_ok());
            let listings = match whole {
                Some(whole) => whole,
                None => Arc::new(venue.listings(&rest, Some(&symbol)).await?),
            };
            let found = Arc::new(find(&name, &listings, &symbol)?.clone());
            if tells_steps {
                return Ok(listed.keep(found));
            }
            listed.note(&found);
            Ok(found)
        }
        .boxed()
    }

    /// Closed bars of a span, page after page, without those that cannot be and those that jump `factor` times as far as what is
    /// around them: these are counted.
    pub(super) async fn bars(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
        factor: f64,
    ) -> Result<PastBars, FeedError> {
        let known = &self.venue.traits().timeframes;
        if !known.contains(&timeframe) {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Err(FeedError::UnsupportedTimeframe {
                venue: self.feed.name.clone(),
                timeframe,
                known: known.join(", "),
            });
        }
        let listing = self.listing(symbol).await?;
        let (mut past, mut next) = (PastBars::of([], timeframe, (from, to), Reach::Whole), from);
        for _ in 0..FeedHub::MOST_PAGES {
            if next >= to {
                break;
            }
            let page = self.venue.bars(&self.rest, &listing, timeframe, next, to).await?;
            let last = page.last();
            past.followed_by((next, page));
            match last {
                Some(last) => next = timeframe.close_of(last),
                None => break,
            }
        }
        past.keep_off_jumps(timeframe, factor);
        lock(&self.retired).quarantined += past.kept_off().count() as u64;
        Ok(past)
    }
}

/// A symbol among what a feed lists.
fn find<'a>(feed: &str, listings: &'a [Listing], symbol: &Symbol) -> Result<&'a Listing, FeedError> {
    let names = || {
        listings
            .iter()
            .map(|listing| listing.instrument.symbol().as_str())
    };
    let found = listings
        .iter()
        .find(|listing| listing.instrument.symbol() == symbol);
    found.ok_or_else(|| FeedError::UnknownSymbol {
        venue: feed.to_owned(),
        symbol: symbol.to_string(),
        near: nearest(symbol.as_str(), names()),
    })
}
