//! Quotes for options that nobody quotes: a model's price of the underlying's last one, with a spread around it.

use super::{Engine, Sink};
use crate::exchange::DataTier;
use crate::market::Quote;
use crate::model::{InstrumentId, InstrumentKind, Price, Timestamp};
use crate::pricing::{ModelAssumptions, model_price};
use serde::{Deserialize, Serialize};

/// How options without quotes are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptionModel {
    /// What the model needs beside the market.
    pub assumptions: ModelAssumptions,
    /// Half the spread, as a share of the model's price (0.02 is 2 %); at least one tick is quoted on either side.
    pub half_spread: f64,
    /// Contracts quoted on either side.
    pub size: f64,
}

impl Engine {
    /// The price of an instrument moved: options on it that nobody quotes are quoted anew by the model, and their orders
    /// meet that.
    #[inline]
    pub(super) fn quote_options_on<S: Sink>(
        &mut self,
        underlying: InstrumentId,
        time: Timestamp,
        sink: &mut S,
    ) {
        if let Some(model) = self.config.option_model {
            self.quote_by_model(underlying, model, time, sink);
        }
    }

    fn quote_by_model<S: Sink>(
        &mut self,
        underlying: InstrumentId,
        model: OptionModel,
        time: Timestamp,
        sink: &mut S,
    ) {
        let Some(spot) = self.market(underlying).last_price else {
            return;
        };
        for at in self.places() {
            if let Some(quote) = self.model_quote(at, underlying, spot, model, time) {
                let queue = self.models.fill.queue;
                if self.market_mut(at).on_model_quote(&quote, &queue) {
                    self.markets[at.index()].told_by = self.inputs;
                    self.meet_quoted(at, &quote, sink);
                }
            }
        }
    }

    /// The model's quote of one instrument; `None` when it is no option on `underlying`, or is quoted by somebody.
    fn model_quote(
        &self,
        at: InstrumentId,
        underlying: InstrumentId,
        spot: f64,
        model: OptionModel,
        time: Timestamp,
    ) -> Option<Quote> {
        let market = self.market(at);
        let InstrumentKind::Option(terms) = market.instrument().kind() else {
            return None;
        };
        let is_unquoted = matches!(market.tier(), None | Some(DataTier::Model));
        let is_alive = time < terms.expiry && &terms.underlying == self.instrument(underlying).symbol();
        if !is_unquoted || !is_alive {
            return None;
        }
        let price = model_price(terms, time, spot, &model.assumptions).ok()?.price;
        let instrument = market.instrument();
        let tick = Price(instrument.tick()).to_f64();
        let half = (price * model.half_spread).max(tick);
        // Nobody bids for what is worth less than a tick.
        let bid = instrument.price_from_f64((price - half).max(tick))?;
        let ask = instrument.price_from_f64(price + half)?;
        Some(Quote {
            time,
            bid: bid.to_f64(),
            bid_size: if price > half { model.size } else { 0.0 },
            ask: ask.to_f64().max(bid.to_f64() + tick),
            ask_size: model.size,
        })
    }
}
