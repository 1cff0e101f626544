//! Venues carry so many symbols on one connection and no more: who wants more opens another. Each connection with its symbols is
//! a lane, and has a driver of its own; to the hub they are one.

use super::{Command, Driver, DriverStatus};
use crate::handle::MarketHandle;
use crate::listed::Listed;
use crate::record::Clock;
use crate::rest::Rest;
use crate::status::{BreakerState, ConnectionState};
use crate::venue::Venue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// How the drivers of a feed stand, one a lane.
pub(crate) type Statuses = Arc<Mutex<Vec<Arc<Mutex<DriverStatus>>>>>;

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct Lanes {
    feed: String,
    venue: Arc<dyn Venue>,
    rest: Rest,
    tls: Arc<rustls::ClientConfig>,
    clock: Arc<dyn Clock>,
    listed: Arc<Listed>,
    statuses: Statuses,
    seats: Seats,
    drivers: Vec<mpsc::UnboundedSender<Command>>,
}

impl Lanes {
    pub(crate) fn new(
        feed: &str,
        venue: Arc<dyn Venue>,
        rest: Rest,
        tls: Arc<rustls::ClientConfig>,
        clock: Arc<dyn Clock>,
        listed: Arc<Listed>,
        statuses: Statuses,
    ) -> Self {
        let most = venue.traits().most_symbols.unwrap_or(usize::MAX);
        Self {
            feed: feed.to_owned(),
            venue,
            rest,
            tls,
            clock,
            listed,
            statuses,
            seats: Seats::new(most),
            drivers: Vec::new(),
        }
    }

    /// Runs until the hub is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = commands.recv().await {
            self.command(command);
        }
    }

    fn command(&mut self, command: Command) {
        // Drivers live as long as their senders.
        match command {
            Command::Listen { .. } => {
                if let Command::Listen { listing, market, .. } = &command {
                    let lane = self.seats.seat(&listing.venue_symbol, who(market));
                    let _ = self.driver(lane).send(command);
                }
            }
            Command::Leave(market) => {
                self.seats.leave(who(&market));
                for driver in &self.drivers {
                    let _ = driver.send(Command::Leave(Arc::clone(&market)));
                }
            }
            // Whoever speaks for the market knows what it is about; the others do not know it.
            Command::Want(market, place, want) => {
                for driver in &self.drivers {
                    let _ = driver.send(Command::Want(Arc::clone(&market), place, want));
                }
            }
        }
    }

    fn driver(&mut self, lane: usize) -> &mpsc::UnboundedSender<Command> {
        while self.drivers.len() <= lane {
            let (sender, receiver) = mpsc::unbounded_channel();
            let number = self.drivers.len() + 1;
            let name = match number {
                1 => self.feed.clone(),
                _ => format!("{} #{number}", self.feed),
            };
            let status = Arc::<Mutex<DriverStatus>>::default();
            lock(&self.statuses).push(Arc::clone(&status));
            let driver = Driver::new(
                &name,
                Arc::clone(&self.venue),
                self.rest.clone(),
                Arc::clone(&self.tls),
                Arc::clone(&self.clock),
                Arc::clone(&self.listed),
                status,
            );
            tokio::spawn(driver.run(receiver));
            self.drivers.push(sender);
        }
        &self.drivers[lane]
    }
}

/// A market, as long as it is listened to.
fn who(market: &Arc<MarketHandle>) -> usize {
    Arc::as_ptr(market).addr()
}

/// Which symbols are on which lane, and for whom.
#[derive(Debug)]
struct Seats {
    most: usize,
    lanes: Vec<BTreeMap<Arc<str>, BTreeSet<usize>>>,
}

impl Seats {
    const fn new(most: usize) -> Self {
        let lanes = Vec::new();
        Self { most, lanes }
    }

    /// The lane of a symbol: that on which it is, or the first with room for it.
    fn seat(&mut self, symbol: &Arc<str>, who: usize) -> usize {
        let is_there = self.lanes.iter().position(|lane| lane.contains_key(symbol));
        let free = || self.lanes.iter().position(|lane| lane.len() < self.most);
        let lane = is_there.or_else(free).unwrap_or_else(|| {
            self.lanes.push(BTreeMap::new());
            self.lanes.len() - 1
        });
        let entry = self.lanes[lane].entry(Arc::clone(symbol)).or_default();
        entry.insert(who);
        lane
    }

    /// Somebody listens to nothing any more.
    fn leave(&mut self, who: usize) {
        for lane in &mut self.lanes {
            lane.retain(|_, listeners| {
                listeners.remove(&who);
                !listeners.is_empty()
            });
        }
    }
}

/// How a feed stands: as the worst of its lanes that are in use.
pub(crate) fn standing(statuses: &Statuses) -> DriverStatus {
    let each: Vec<DriverStatus> = lock(statuses).iter().map(|status| lock(status).clone()).collect();
    let trouble = |status: &DriverStatus| match status.connection {
        ConnectionState::Idle => 0,
        ConnectionState::Connected => 1,
        ConnectionState::Polling => 2,
        ConnectionState::Connecting => 3,
        ConnectionState::Waiting => 4,
    };
    let caution = |status: &&DriverStatus| match status.breaker {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    };
    let Some(worst) = each.iter().max_by_key(|status| trouble(status)) else {
        return DriverStatus::default();
    };
    DriverStatus {
        connection: worst.connection,
        breaker: each
            .iter()
            .max_by_key(caution)
            .map_or(worst.breaker, |it| it.breaker),
        reconnects: each.iter().map(|it| it.reconnects).sum(),
        last_message: each.iter().filter_map(|it| it.last_message).max(),
        last_error: worst
            .last_error
            .clone()
            .or_else(|| each.iter().find_map(|it| it.last_error.clone())),
        undecodable: each.iter().map(|it| it.undecodable).sum(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::model::Timestamp;

    #[test]
    fn no_lane_has_more_symbols_than_it_may_and_each_symbol_one_lane() {
        let mut seats = Seats::new(256);
        let symbols: Vec<Arc<str>> = (0..600).map(|number| format!("S{number}").into()).collect();
        let lanes: Vec<usize> = (0..600).map(|place| seats.seat(&symbols[place], place)).collect();
        assert_eq!((lanes[0], lanes[255], lanes[256], lanes[599]), (0, 0, 1, 2));
        // Whoever comes later listens on the lane on which the symbol is.
        for (place, symbol) in symbols.iter().enumerate() {
            assert_eq!(seats.seat(symbol, 1_000 + place), lanes[place]);
        }
        let sizes = |seats: &Seats| seats.lanes.iter().map(BTreeMap::len).collect::<Vec<_>>();
        assert_eq!(sizes(&seats), [256, 256, 88]);
        // The first goes, and the second still listens: nothing is free.
        seats.leave(5);
        assert_eq!(seats.seat(&"NEW".into(), 9_999), 2);
        // Now it is.
        seats.leave(1_005);
        assert_eq!(seats.seat(&"NEWER".into(), 9_998), 0);
        assert_eq!(sizes(&seats), [256, 256, 89]);
    }

    #[test]
    fn a_feed_stands_as_its_worst_lane() {
        let status = |connection, breaker, reconnects| {
            Arc::new(Mutex::new(DriverStatus {
                connection,
                breaker,
                reconnects,
                last_error: Some((Timestamp::from_secs(7), format!("{connection:?}"))),
                ..DriverStatus::default()
            }))
        };
        let lanes = vec![
            status(ConnectionState::Connected, BreakerState::HalfOpen, 2),
            status(ConnectionState::Waiting, BreakerState::Closed, 3),
            status(ConnectionState::Idle, BreakerState::Closed, 1),
        ];
        let all = standing(&Arc::new(Mutex::new(lanes)));
        assert_eq!(
            (all.connection, all.breaker, all.reconnects, all.last_error),
            (
                ConnectionState::Waiting,
                BreakerState::HalfOpen,
                6,
                Some((Timestamp::from_secs(7), "Waiting".to_owned()))
            )
        );
        assert_eq!(standing(&Statuses::default()).connection, ConnectionState::Idle);
    }
}
