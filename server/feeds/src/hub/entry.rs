//! One venue of one configured feed: who speaks with it, and what it lists.

use super::FeedHub;
use crate::config::{Feed, nearest};
use crate::connection::{Command, DriverStatus, Lanes, Statuses, standing};
use crate::listed::Listed;
use crate::purse::Purse;
use crate::record::Clock;
use crate::rest::Rest;
use crate::source::SourceTraits;
use crate::status::Counters;
use crate::venue::{Channels, FeedError, Listing, Venue};
use papertape::market::Bar;
use papertape::model::{Symbol, Timeframe, Timestamp};
use std::collections::BTreeMap;
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
    listings: tokio::sync::Mutex<Listings>,
    /// What was last listed of each symbol that was asked for, whoever asked.
    listed: Arc<Listed>,
    /// What symbols counted that nobody listens to any more.
    pub(super) retired: Mutex<Counters>,
}

/// What a venue lists, as far as it was asked for.
#[derive(Debug, Default)]
struct Listings {
    all: Option<(tokio::time::Instant, Arc<Vec<Listing>>)>,
    single: BTreeMap<Symbol, (tokio::time::Instant, Arc<Listing>)>,
}

/// How long listings are believed.
pub(super) const LISTINGS_FOR: Duration = Duration::from_secs(3_600);
impl VenueEntry {
    pub(super) fn new(
        feed: &Feed,
        venue: Arc<dyn Venue>,
        restepped: Arc<Notify>,
        purse: Arc<Purse>,
    ) -> Result<Self, FeedError> {
        let ca_file = feed.ca_file.as_deref();
        let rest = Rest::sharing(&feed.name, venue.rest_url(), venue.traits(), ca_file, purse)?;
        Ok(Self {
            feed: feed.clone(),
            venue,
            rest,
            tls: Arc::new(crate::tls::client(&feed.name, ca_file)?),
            statuses: Statuses::default(),
            driver: OnceLock::new(),
            listings: tokio::sync::Mutex::default(),
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
        // Held while asking: who comes meanwhile has the same answer.
        let mut kept = self.listings.lock().await;
        if let Some((asked, all)) = &kept.all
            && asked.elapsed() < LISTINGS_FOR
        {
            return Ok(Arc::clone(all));
        }
        let all = Arc::new(self.venue.listings(&self.rest, None).await?);
        kept.all = Some((tokio::time::Instant::now(), Arc::clone(&all)));
        Ok(all)
    }

    pub(super) async fn listing(&self, symbol: &Symbol) -> Result<Arc<Listing>, FeedError> {
        let mut kept = self.listings.lock().await;
        if let Some((asked, listing)) = kept.single.get(symbol)
            && asked.elapsed() < LISTINGS_FOR
        {
            return Ok(self.newest(listing));
        }
        let whole = kept
            .all
            .as_ref()
            .filter(|(asked, _)| asked.elapsed() < LISTINGS_FOR);
        let listings = match whole {
            Some((_, all)) => Arc::clone(all),
            None => Arc::new(self.venue.listings(&self.rest, Some(symbol)).await?),
        };
        self.found(&mut kept, &listings, symbol)
    }

    /// What it lists as of now, whatever was asked before; `None` when it does not say.
    pub(super) async fn listing_anew(&self, symbol: &Symbol) -> Option<Arc<Listing>> {
        if self.tells_steps() {
            return self.listed.of(symbol);
        }
        let mut kept = self.listings.lock().await;
        let listings = self.venue.listings(&self.rest, Some(symbol)).await.ok()?;
        self.found(&mut kept, &listings, symbol).ok()
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

    fn found(
        &self,
        kept: &mut Listings,
        listings: &[Listing],
        symbol: &Symbol,
    ) -> Result<Arc<Listing>, FeedError> {
        let found = listings
            .iter()
            .find(|listing| listing.instrument.symbol() == symbol);
        let Some(found) = found else {
            let known = listings
                .iter()
                .map(|listing| listing.instrument.symbol().as_str());
            return Err(FeedError::UnknownSymbol {
                venue: self.feed.name.clone(),
                symbol: symbol.to_string(),
                near: nearest(symbol.as_str(), known),
            });
        };
        let found = Arc::new(found.clone());
        let entry = (tokio::time::Instant::now(), Arc::clone(&found));
        kept.single.insert(symbol.clone(), entry);
        if self.tells_steps() {
            return Ok(self.listed.keep(found));
        }
        self.listed.note(&found);
        Ok(found)
    }

    pub(super) async fn bars(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Bar>, FeedError> {
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
        let (mut bars, mut next) = (Vec::<Bar>::new(), from);
        for _ in 0..FeedHub::MOST_PAGES {
            if next >= to {
                break;
            }
            let page = self.venue.bars(&self.rest, &listing, timeframe, next, to).await?;
            let before = next;
            for bar in page {
                // Whatever the venue answers: in order, once, possible.
                if bar.open_time >= next && bar.open_time < to && bar.check().is_ok() {
                    next = timeframe.close_of(bar.open_time);
                    bars.push(bar);
                }
            }
            if next == before {
                break;
            }
        }
        Ok(bars)
    }
}
