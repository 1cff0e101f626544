//! Quotes for options that nobody quotes: a model's price of the underlying's last one, with a spread around it.

use super::{Engine, Sink};
use crate::exchange::DataTier;
use crate::market::Quote;
use crate::model::{
    Instrument, InstrumentId, InstrumentKind, OptionTerms, Price, Quantity, Symbol, Timestamp,
};
use crate::pricing::{Greeks, ModelAssumptions, ModelPrice, PricingError, Volatility, model_price};
use serde::{Deserialize, Serialize};

/// How options without quotes are quoted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionModel {
    /// What the model needs beside the market.
    pub assumptions: ModelAssumptions,
    /// Half the spread, as a share of the model's price (0.02 is 2 %); at least one tick is quoted on either side.
    pub half_spread: f64,
    /// Contracts quoted on either side.
    pub size: f64,
    /// Of a session that trades the options of a chain: these, in the order of their symbols, each with its own volatility.
    /// `None` where any option may be named, at the volatility of the assumptions.
    pub chain: Option<Vec<(Symbol, Volatility)>>,
}

/// Which options are quoted anew when their underlying moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// Those with orders: with every quote of the underlying.
    Ordered,
    /// Those that are held, too: at the close of its bars.
    Held,
}

impl OptionModel {
    /// The volatility of an option; `None` when the chain does not have it.
    #[must_use]
    pub fn volatility(&self, option: &Symbol) -> Option<Volatility> {
        let Some(chain) = &self.chain else {
            return Some(self.assumptions.volatility);
        };
        let index = chain.binary_search_by(|(symbol, _)| symbol.cmp(option)).ok()?;
        Some(chain[index].1)
    }

    /// The model's price of an option at `time`, with its underlying at `spot` (quote currency).
    ///
    /// # Errors
    /// [`PricingError`] when a number makes no sense. The chain's volatility counts where it has one.
    pub fn price(
        &self,
        option: &Symbol,
        terms: &OptionTerms,
        time: Timestamp,
        spot: f64,
    ) -> Result<ModelPrice, PricingError> {
        let volatility = self.volatility(option).unwrap_or(self.assumptions.volatility);
        let assumptions = ModelAssumptions {
            volatility,
            ..self.assumptions
        };
        model_price(terms, time, spot, &assumptions)
    }

    /// The quote around a price of the model, on the instrument's ticks.
    #[must_use]
    pub fn quote(&self, option: &Instrument, price: f64, time: Timestamp) -> Option<Quote> {
        let tick = Price(option.tick()).to_f64();
        let half = (price * self.half_spread).max(tick);
        // Nobody bids for what is worth less than a tick.
        let bid = option.price_from_f64((price - half).max(tick))?;
        let ask = option.price_from_f64(price + half)?;
        Some(Quote {
            time,
            bid: bid.to_f64(),
            bid_size: if price > half { self.size } else { 0.0 },
            ask: ask.to_f64().max(bid.to_f64() + tick),
            ask_size: self.size,
        })
    }
}

/// How the value of a position in an option changes, in quote currency: its greeks times what is held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionGreeks {
    /// The volatility by which they are computed (0.2 is 20 % a year).
    pub implied_volatility: f64,
    /// Units of the underlying that move like it.
    pub delta: f64,
    /// Of delta, per 1 of the underlying's price.
    pub gamma: f64,
    /// Per point of volatility.
    pub vega: f64,
    /// Per calendar day.
    pub theta: f64,
    /// Per point of the rate.
    pub rho: f64,
}

impl PositionGreeks {
    /// Those of so many units of the underlying, negative when the option is sold.
    #[must_use]
    pub fn of(greeks: &Greeks, volatility: Volatility, units: f64) -> Self {
        Self {
            implied_volatility: volatility.get(),
            delta: greeks.delta * units,
            gamma: greeks.gamma * units,
            vega: greeks.vega_per_point() * units,
            theta: greeks.theta_per_day() * units,
            rho: greeks.rho_per_point() * units,
        }
    }
}

impl Engine {
    /// The price of an instrument moved: options on it that nobody quotes are quoted anew by the model, and their orders
    /// meet that.
    #[inline]
    pub(super) fn quote_options_on<S: Sink>(
        &mut self,
        underlying: InstrumentId,
        looked: Looked,
        time: Timestamp,
        sink: &mut S,
    ) {
        if self.config.option_model.is_some() {
            self.quote_by_model(underlying, looked, time, sink);
        }
    }

    fn quote_by_model<S: Sink>(
        &mut self,
        underlying: InstrumentId,
        looked: Looked,
        time: Timestamp,
        sink: &mut S,
    ) {
        let mut quoted = Vec::new();
        for at in self.places() {
            let is_looked_at = !self.market(at).orders.is_empty()
                || (looked == Looked::Held && !self.account.holding(at).is_flat());
            if is_looked_at && let Some(quote) = self.model_quote(at, underlying, time) {
                quoted.push((at, quote));
            }
        }
        // All of them before any order: the legs of a combination meet one moment.
        quoted.retain(|(at, quote)| self.take_model_quote(*at, quote));
        for (at, quote) in quoted {
            self.meet_quoted(at, &quote, sink);
        }
    }

    /// Quotes an option as of now, if it is the model's to quote.
    pub(super) fn quote_now(&mut self, option: InstrumentId, time: Timestamp) {
        let InstrumentKind::Option(terms) = self.instrument(option).kind() else {
            return;
        };
        if let Some(underlying) = self.instrument_id(&terms.underlying)
            && let Some(quote) = self.model_quote(option, underlying, time)
        {
            self.take_model_quote(option, &quote);
        }
    }

    fn take_model_quote(&mut self, at: InstrumentId, quote: &Quote) -> bool {
        let queue = self.models.fill.queue;
        let is_one = self.market_mut(at).on_model_quote(quote, &queue);
        if is_one {
            self.markets[at.index()].told_by = self.inputs;
        }
        is_one
    }

    /// The model's quote of one instrument; `None` when it is no option on `underlying`, or is quoted by somebody.
    fn model_quote(&self, at: InstrumentId, underlying: InstrumentId, time: Timestamp) -> Option<Quote> {
        let model = self.config.option_model.as_ref()?;
        let spot = self.market(underlying).last_price?;
        let market = self.market(at);
        let InstrumentKind::Option(terms) = market.instrument().kind() else {
            return None;
        };
        let is_unquoted = matches!(market.tier(), None | Some(DataTier::Model));
        let is_alive = time < terms.expiry && &terms.underlying == self.instrument(underlying).symbol();
        if !is_unquoted || !is_alive {
            return None;
        }
        let option = market.instrument();
        let price = model.price(option.symbol(), terms, time, spot).ok()?.price;
        model.quote(option, price, time)
    }

    /// How the value of a position in an option changes, by the model; `None` of what is none, or has no model.
    pub(super) fn greeks_of(&self, at: InstrumentId) -> Option<PositionGreeks> {
        let InstrumentKind::Option(terms) = self.instrument(at).kind() else {
            return None;
        };
        let model = self.config.option_model.as_ref()?;
        let spot = self.market(self.instrument_id(&terms.underlying)?).last_price?;
        let option = self.instrument(at);
        let volatility = model
            .volatility(option.symbol())
            .unwrap_or(model.assumptions.volatility);
        let greeks = crate::pricing::Vanilla::new(crate::pricing::VanillaInputs {
            right: terms.right,
            spot,
            strike: terms.strike.to_f64(),
            years: crate::pricing::years_between(self.market_time?, terms.expiry),
            rate: model.assumptions.rate,
            dividend_yield: model.assumptions.dividend_yield,
        })
        .ok()?
        .greeks(volatility);
        let units = Quantity(self.account.holding(at).quantity() * option.multiplier()).to_f64();
        Some(PositionGreeks::of(&greeks, volatility, units))
    }
}
