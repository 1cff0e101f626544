//! Options that become instruments of a session when somebody names them.
//!
//! A session of shares with an [`OptionModel`] knows the options on them by their names; a chain has thousands, of which hardly
//! any is ever traded. An option is an instrument, with a market and a place in the account, from the first order that names it.

use super::{Engine, EventKind, OptionModel, SessionState, Sink};
use crate::exchange::Market;
use crate::market::{Quote, listed_option};
use crate::model::{Instrument, InstrumentId, OptionName, Symbol, Timeframe, Timestamp};

/// What the options on an instrument of a session are quoted by, at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionDesk {
    /// The shares.
    pub underlying: Instrument,
    /// Their last price, in quote currency.
    pub spot: f64,
    /// When that is.
    pub time: Timestamp,
    /// How options are quoted.
    pub model: OptionModel,
    /// Quotes of options that are not the model's, and those that orders meet now.
    pub quotes: Vec<(Symbol, Quote)>,
}

impl Engine {
    /// Options that a session lists at most.
    const MOST_LISTED: usize = 500;

    /// An order names an instrument: an option on what the session trades is listed with its first order, and quoted as of
    /// now, so that the order is decided at a price of this moment.
    pub(super) fn look_up<S: Sink>(&mut self, symbol: &Symbol, time: Timestamp, sink: &mut S) {
        if self.config.option_model.is_none()
            || !matches!(self.state, SessionState::Running | SessionState::Paused)
        {
            return;
        }
        let time = self.market_time.unwrap_or(time);
        match self.instrument_id(symbol) {
            Some(at) => self.quote_now(at, time),
            None => {
                if let Some(option) = self.option_named(symbol, time) {
                    let at = self.list(option, time, sink);
                    self.quote_now(at, time);
                }
            }
        }
    }

    /// The option of this symbol, if the session could trade it at `time`.
    fn option_named(&self, symbol: &Symbol, time: Timestamp) -> Option<Instrument> {
        let model = self.config.option_model.as_ref()?;
        let name = OptionName::of(symbol)?;
        model.volatility(symbol)?;
        let (at, option) = self
            .places()
            .find_map(|at| Some((at, listed_option(&name, self.instrument(at))?)))?;
        let is_alive = option.kind().expiry().is_some_and(|expiry| time < expiry);
        let has_room = self.config.others.len() < Self::MOST_LISTED;
        let is_priced = self.market(at).last_price.is_some();
        (is_alive && has_room && is_priced).then_some(option)
    }

    fn list<S: Sink>(&mut self, option: Instrument, time: Timestamp, sink: &mut S) -> InstrumentId {
        // Bars of whole days are told at midnight: what nobody quotes trades whenever its underlying is told.
        let is_made_of_sessions = self.config.base_timeframe.nanos() >= Timeframe::DAY.nanos();
        let option = if is_made_of_sessions {
            option.with_calendar(crate::market::CalendarId::Always)
        } else {
            option
        };
        let at = InstrumentId(u16::try_from(self.markets.len()).unwrap_or(u16::MAX));
        self.markets
            .push(Market::new(option.clone(), self.models.conditions()));
        self.account.add(&option);
        self.config.others.push(option.clone());
        self.note_expiries();
        self.emit(
            time,
            EventKind::InstrumentListed {
                instrument: at,
                listed: option,
            },
            sink,
        );
        at
    }

    /// What the options on an instrument are quoted by; `None` where the session quotes none, or does not know its price.
    #[must_use]
    pub fn option_desk(&self, underlying: &Symbol) -> Option<OptionDesk> {
        let at = self.instrument_id(underlying)?;
        let options = self.places().filter(|at| {
            let terms = self.instrument(*at).kind();
            matches!(terms, crate::model::InstrumentKind::Option(terms) if terms.underlying == *underlying)
        });
        let quotes = options.filter_map(|at| {
            let market = self.market(at);
            // The model's own are of when they were last looked at.
            let is_told = market.tier() != Some(crate::exchange::DataTier::Model);
            let quote = market.quote.filter(|_| is_told)?;
            Some((market.instrument().symbol().clone(), quote))
        });
        Some(OptionDesk {
            underlying: self.instrument(at).clone(),
            spot: self.market(at).last_price?,
            time: self.market_time?,
            model: self.config.option_model.clone()?,
            quotes: quotes.collect(),
        })
    }
}
