//! Starting sessions and acting on them.

use super::datasets::{Dataset, Origin, default_symbol, simulated_symbol};
use super::{ServiceError, Services, wall_clock};
use crate::host::SessionSpec;
use crate::tape::TapeSpec;
use papertape::alert::AlertRules;
use papertape::api::{
    FeedInfo, FeedKind, FieldErrors, SessionAction, SessionDetail, SessionSummary, StartRequest,
};
use papertape::backtest;
use papertape::market::{SIMULATED_MARKET_VERSION, SimulatedMarket};
use papertape::model::{Instrument, Money, SessionId, Symbol, Timeframe, Timestamp};
use papertape::portfolio::AccountConfig;
use papertape::strategy::Strategy;
use rust_decimal::Decimal;

/// Cash at the start when nothing else is asked for.
const DEFAULT_CAPITAL: Decimal = Decimal::from_parts(100_000, 0, 0, false, 0);
/// Bars of history on the chart of a new session, at least.
const CHART_BARS: usize = 300;
/// Minutes of history that a new session takes in, at most, unless its strategy needs more to warm up.
const MAX_HISTORY_MINUTES: i64 = 60 * 1_440;
/// Symbols that a session trades at most.
const MAX_SYMBOLS: usize = 32;
/// The fastest pace, market seconds per second.
const MAX_SPEED: f64 = 1_000_000.0;

impl Services {
    /// All sessions, newest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionSummary> {
        self.host.list()
    }

    /// One session whole.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn session(&self, id: &SessionId) -> Result<SessionDetail, ServiceError> {
        Ok(*self.host.detail(id).await?)
    }

    /// Starts a session.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub async fn start_session(&self, request: StartRequest) -> Result<SessionSummary, ServiceError> {
        check_start(&request)?;
        let (_, source) = self.shelf.resolve(&request.strategy)?;
        let strategy =
            Strategy::compile(&source, &request.params, request.timeframe).map_err(ServiceError::Strategy)?;
        let symbols = if request.symbols.is_empty() {
            &strategy.symbols
        } else {
            &request.symbols
        };
        let symbols = backtest::each_once(symbols);
        let mut chosen = match wanted_together(&symbols, &strategy) {
            None => self.choose_feed(&request, &strategy, &symbols).await?,
            Some(all) => {
                self.choose_feeds(&request, &strategy, &all, symbols.len().max(1))
                    .await?
            }
        };
        let mut errors = FieldErrors::default();
        errors.check(
            chosen.feed.kind != FeedKind::Live || request.speed.is_none_or(|speed| speed == 1.0),
            "speed",
            "a live feed has the speed of its market: leave it out",
        );
        let instruments = std::iter::once(&chosen.instrument);
        let instruments: Vec<&Instrument> = instruments.chain(&chosen.peers).chain(&chosen.others).collect();
        errors.together(&strategy, &instruments, 1 + chosen.peers.len());
        errors.finish()?;
        let account = self.account_of(&request).await?;
        let options = self.option_model(&request, &chosen).await?;
        // Kept history that a session is about to refer to is not replaced meanwhile.
        let feed = request.feed.as_deref().unwrap_or_default();
        let _keeping = match feed.starts_with("recorded:") || self.feeds.has(feed) {
            true => Some(self.keeping.lock().await),
            false => None,
        };
        self.refer_to_newest(&mut chosen.tape).await?;
        let spec = SessionSpec {
            name: name_of(&request, &strategy),
            source,
            overrides: request.params,
            timeframe: request.timeframe,
            initial_capital: Money::new(
                request.initial_capital.unwrap_or(DEFAULT_CAPITAL),
                chosen.instrument.quote(),
            ),
            instrument: chosen.instrument,
            peers: std::mem::take(&mut chosen.peers),
            others: std::mem::take(&mut chosen.others),
            base_timeframe: chosen.base_timeframe,
            execution: request.execution.unwrap_or_default(),
            account,
            options,
            alerts: AlertRules::default(),
            tape: chosen.tape,
            feed: chosen.feed,
            backtest: request.backtest,
        };
        let speed = request.speed.unwrap_or(1.0);
        Ok(self.host.start(spec, speed, wall_clock()).await?)
    }

    /// Does something to a session; its effect is durable when this returns.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none or it is over.
    pub async fn act(&self, id: &SessionId, action: SessionAction) -> Result<SessionSummary, ServiceError> {
        if let SessionAction::Speed(speed) = action {
            let mut errors = FieldErrors::default();
            check_speed(Some(speed), &mut errors);
            errors.finish()?;
        }
        Ok(self.host.act(id, action).await?)
    }

    /// Removes a session with all its records.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn delete_session(&self, id: &SessionId) -> Result<(), ServiceError> {
        Ok(self.host.delete(id).await?)
    }

    /// The account that is asked for, else that of the backtest which the session follows: compared are like with like.
    async fn account_of(&self, request: &StartRequest) -> Result<AccountConfig, ServiceError> {
        let account = match (&request.account, &request.backtest) {
            (Some(account), _) => Some(account.clone()),
            (None, Some(backtest)) => match self.backtest(backtest).await {
                Ok(status) => status.request.account,
                Err(ServiceError::UnknownBacktest(_)) => None,
                Err(error) => return Err(error),
            },
            (None, None) => None,
        };
        Ok(account.unwrap_or_default())
    }

    async fn choose_feed(
        &self,
        request: &StartRequest,
        strategy: &Strategy,
        symbols: &[Symbol],
    ) -> Result<Chosen, ServiceError> {
        let feed = request.feed.as_deref().unwrap_or("simulated");
        match feed.split_once(':') {
            None if feed == "simulated" => {
                self.simulated_feed(&simulated_symbol(symbols)?, strategy, self.live_start())
            }
            None if feed == "replay" => {
                let symbol = symbols.first().cloned().unwrap_or_else(default_symbol);
                let dataset = self.replayable(&symbol, strategy.timeframe).await?;
                self.replay_feed(request, strategy, dataset)
            }
            // A certain dataset: `replay:BTC/USDT@1m`.
            Some(("replay", dataset)) => {
                let dataset = self.dataset(dataset, symbols).await?;
                self.replay_feed(request, strategy, dataset)
            }
            // What a live feed told: `recorded:binance`.
            Some(("recorded", told)) => {
                let symbol = symbols.first().cloned().unwrap_or_else(default_symbol);
                self.recorded_feed(request, told, &symbol, strategy).await
            }
            None if self.feeds.has(feed) => {
                let symbol = symbols.first().cloned().unwrap_or_else(default_symbol);
                let mut all = self.live_feeds(feed, &[symbol], strategy).await?;
                Ok(all.swap_remove(0))
            }
            _ => Err(ServiceError::NoSuch {
                code: "unknown_feed",
                path: "feed",
                message: papertape_feeds::venues::what_it_needs(feed).unwrap_or_else(|| format!(
                    "there is no feed '{feed}'; there are: simulated, replay, replay:DATASET such as replay:BTC/USDT@1m, recorded:FEED{}",
                    self.feeds
                        .names()
                        .iter()
                        .map(|name| format!(", {name}"))
                        .collect::<String>()
                )),
            }),
        }
    }

    /// The feeds of several symbols as one: all of one kind, with bars of one length. The first `traded` of them are
    /// traded, the others read.
    async fn choose_feeds(
        &self,
        request: &StartRequest,
        strategy: &Strategy,
        symbols: &[Symbol],
        traded: usize,
    ) -> Result<Chosen, ServiceError> {
        let feed = request.feed.as_deref().unwrap_or("simulated");
        let mut all = Vec::with_capacity(symbols.len());
        match feed.split_once(':') {
            None if feed == "simulated" => {
                // One moment for all of them.
                let start = self.live_start();
                for symbol in symbols {
                    let symbol = simulated_symbol(std::slice::from_ref(symbol))?;
                    all.push(self.simulated_feed(&symbol, strategy, start)?);
                }
            }
            None if feed == "replay" => {
                let datasets = self.datasets_together(None, symbols, strategy.timeframe).await?;
                all = self.replay_feeds(request, strategy, datasets).await?;
            }
            Some(("replay", id)) => {
                let datasets = self
                    .datasets_together(Some(id), symbols, strategy.timeframe)
                    .await?;
                all = self.replay_feeds(request, strategy, datasets).await?;
            }
            Some(("recorded", told)) => {
                for symbol in symbols {
                    all.push(self.recorded_feed(request, told, symbol, strategy).await?);
                }
            }
            None if self.feeds.has(feed) => {
                all = self.live_feeds(feed, symbols, strategy).await?;
            }
            // Says which there are.
            _ => return self.choose_feed(request, strategy, symbols).await,
        }
        let mut all = all.into_iter();
        let Some(mut first) = all.next() else {
            return self.choose_feed(request, strategy, symbols).await;
        };
        let mut tapes = vec![first.tape];
        for (place, chosen) in (1..).zip(all) {
            tapes.push(chosen.tape);
            if place < traded {
                first.peers.push(chosen.instrument);
            } else {
                first.others.push(chosen.instrument);
            }
        }
        first.tape = TapeSpec::Together { tapes };
        if first.feed.name == "replay" {
            let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
            first.feed.label = format!("Replay of {} {}", names.join(", "), first.base_timeframe);
        }
        Ok(first)
    }

    async fn replay_feeds(
        &self,
        request: &StartRequest,
        strategy: &Strategy,
        datasets: Vec<Dataset>,
    ) -> Result<Vec<Chosen>, ServiceError> {
        let mut bars = Vec::with_capacity(datasets.len());
        for dataset in &datasets {
            let all = self.bars(dataset).await?;
            bars.push(backtest::within(
                all,
                dataset.info.timeframe,
                request.from,
                request.to,
            ));
        }
        self.check_together(&datasets, &bars).await?;
        let feeds = datasets.into_iter();
        feeds
            .map(|dataset| self.replay_feed(request, strategy, dataset))
            .collect()
    }

    /// When the live part of a simulated session begins that is started now.
    fn live_start(&self) -> Timestamp {
        Timeframe::MINUTE.floor(wall_clock()).max(self.worlds.live_from())
    }

    fn simulated_feed(
        &self,
        symbol: &Symbol,
        strategy: &Strategy,
        start: Timestamp,
    ) -> Result<Chosen, ServiceError> {
        let mut errors = FieldErrors::default();
        errors.timeframe(strategy.timeframe, Timeframe::MINUTE);
        errors.finish()?;
        Ok(Chosen {
            instrument: SimulatedMarket::instrument(symbol),
            peers: Vec::new(),
            others: Vec::new(),
            base_timeframe: Timeframe::MINUTE,
            tape: TapeSpec::Simulated {
                market: self.worlds.config(symbol),
                version: SIMULATED_MARKET_VERSION,
                history_from: history_from(start, self.worlds.origin(), strategy),
                start,
            },
            feed: FeedInfo {
                name: "simulated".to_owned(),
                kind: FeedKind::Simulated,
                label: "Simulated market".to_owned(),
            },
        })
    }

    fn replay_feed(
        &self,
        request: &StartRequest,
        strategy: &Strategy,
        dataset: Dataset,
    ) -> Result<Chosen, ServiceError> {
        let info = &dataset.info;
        let (from, to) = (request.from, request.to);
        let mut errors = FieldErrors::default();
        errors.timeframe(strategy.timeframe, info.timeframe);
        errors.span((info.from, info.to), info.timeframe, (from, to));
        errors.finish()?;
        let tape = match dataset.origin {
            Origin::Simulated => TapeSpec::SimulatedBars {
                market: self.worlds.config(&info.symbol),
                version: SIMULATED_MARKET_VERSION,
                from,
                to,
            },
            Origin::Imported(id) => TapeSpec::Replay {
                dataset: id,
                timeframe: info.timeframe,
                from,
                to,
            },
        };
        Ok(Chosen {
            base_timeframe: info.timeframe,
            tape,
            feed: FeedInfo {
                name: "replay".to_owned(),
                kind: FeedKind::Replay,
                label: format!("Replay of {}", info.label),
            },
            instrument: dataset.instrument,
            peers: Vec::new(),
            others: Vec::new(),
        })
    }
}

/// A feed with what it means for a session.
pub(super) struct Chosen {
    pub(super) instrument: Instrument,
    pub(super) peers: Vec<Instrument>,
    pub(super) others: Vec<Instrument>,
    pub(super) base_timeframe: Timeframe,
    pub(super) tape: TapeSpec,
    pub(super) feed: FeedInfo,
}

/// Every symbol whose bars are wanted, those that are traded first; `None` when it is one alone.
pub(super) fn wanted_together(symbols: &[Symbol], strategy: &Strategy) -> Option<Vec<Symbol>> {
    let mut all = match symbols {
        [] => vec![default_symbol()],
        _ => symbols.to_vec(),
    };
    all.extend_from_slice(strategy.program.symbols());
    let all = backtest::each_once(&all);
    (all.len() > 1).then_some(all)
}

fn name_of(request: &StartRequest, strategy: &Strategy) -> String {
    let asked = request
        .name
        .as_deref()
        .map(str::trim)
        .filter(|name| !name.is_empty());
    asked.unwrap_or(&strategy.name).to_owned()
}

/// Where a new session's history begins: enough to warm the strategy up and to fill the chart, from the beginning of a
/// bar on.
pub(super) fn history_from(start: Timestamp, origin: Timestamp, strategy: &Strategy) -> Timestamp {
    let timeframe = strategy.timeframe;
    let length = |bars: usize| {
        timeframe
            .nanos()
            .saturating_mul(i64::try_from(bars).unwrap_or(i64::MAX))
    };
    let chart = length(CHART_BARS).min(MAX_HISTORY_MINUTES * Timeframe::MINUTE.nanos());
    let wanted = chart.max(length(strategy.warm_up()));
    let from = timeframe.floor(start).plus_nanos(wanted.saturating_neg());
    if from >= origin {
        return timeframe.floor(from);
    }
    // The first whole bar of the world; weeks may begin after it does.
    match timeframe.floor(origin) {
        first if first == origin => origin,
        cut => timeframe.close_of(cut).min(start),
    }
}

fn check_start(request: &StartRequest) -> Result<(), ServiceError> {
    let mut errors = FieldErrors::default();
    errors.check(
        !request.strategy.trim().is_empty(),
        "strategy",
        "name a strategy of the library, or send a whole YAML file",
    );
    errors.check(
        request.symbols.len() <= MAX_SYMBOLS,
        "symbols",
        "a session trades at most 32 symbols",
    );
    let name = request.name.as_deref().unwrap_or_default();
    errors.check(
        name.chars().count() <= 100 && !name.chars().any(char::is_control),
        "name",
        "a name has at most 100 characters, on one line",
    );
    errors.capital(request.initial_capital);
    check_speed(request.speed, &mut errors);
    errors.execution(request.execution.as_ref());
    errors.account(request.account.as_ref());
    if let Some(options) = &request.options {
        options.check(&mut errors);
    }
    errors.params(request.params.values());
    let feed = request.feed.as_deref().unwrap_or("simulated");
    let is_replay = feed == "replay" || feed.starts_with("replay:") || feed.starts_with("recorded:");
    for (path, time) in [("from", request.from), ("to", request.to)] {
        errors.check(
            is_replay || time.is_none(),
            path,
            "only replays have a span; other markets have no end",
        );
    }
    errors.order(request.from, request.to);
    Ok(errors.finish()?)
}

fn check_speed(speed: Option<f64>, errors: &mut FieldErrors) {
    errors.check(
        speed.is_none_or(|speed| speed == 0.0 || (0.001..=MAX_SPEED).contains(&speed)),
        "speed",
        "the speed is market seconds per second, from 0.001 to 1000000, or 0 for as fast as possible",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_capital_is_a_round_sum() {
        assert_eq!(DEFAULT_CAPITAL, Decimal::from(100_000));
    }

    #[test]
    fn every_field_that_is_wrong_is_named_at_once() {
        let request = StartRequest {
            symbols: vec!["BTC/USDT".parse().expect("a symbol"); 33],
            initial_capital: Some(Decimal::NEGATIVE_ONE),
            speed: Some(f64::NAN),
            name: Some("x".repeat(101)),
            from: Some(Timestamp::from_secs(2)),
            to: Some(Timestamp::from_secs(1)),
            ..StartRequest::default()
        };
        let Err(ServiceError::Invalid(errors)) = check_start(&request) else {
            panic!("it is wrong in many ways");
        };
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "strategy",
                "symbols",
                "name",
                "initial_capital",
                "speed",
                "from",
                "to",
                "to"
            ]
        );
    }
}
