//! What becomes of options when a company does something to the shares that they are on. The Options Clearing Corporation
//! adjusts the contracts (Article VI, section 11A of its by-laws); so does this.

use super::{Engine, Sink};
use crate::market::CorporateAction;
use crate::model::{InstrumentId, InstrumentKind, Money, OptionTerms, Price, Symbol, Timestamp};
use crate::order::CancelReason;
use rust_decimal::Decimal;

impl Engine {
    /// An instrument trades under another name, and the options on it are on that.
    pub(super) fn rename(&mut self, at: InstrumentId, to: &Symbol) {
        // Two instruments of one name could not be told apart.
        if self.instrument_id(to).is_some_and(|other| other != at) {
            return;
        }
        for (option, terms) in self.options_on(at) {
            let underlying = to.clone();
            self.become_option(option, OptionTerms { underlying, ..terms });
        }
        if let Some(renamed) = self.instrument(at).clone().with_symbol(to.clone()) {
            if let Some(instrument) = self.config.instrument_mut(at) {
                *instrument = renamed.clone();
            }
            self.account.become_instrument(at, &renamed);
            self.market_mut(at).become_instrument(renamed);
        }
    }

    /// Shares were split: options on them have their strike divided, and each contract becomes as many as each share did.
    ///
    /// Where that leaves a part of a contract, it is paid out at the mark; the clearing corporation leaves the number of
    /// contracts alone then, and lets each deliver another number of shares.
    pub(super) fn split_options<S: Sink>(
        &mut self,
        at: InstrumentId,
        ratio: Decimal,
        time: Timestamp,
        sink: &mut S,
    ) {
        for (option, terms) in self.options_on(at) {
            // A combination is priced as a whole, and its legs would no longer fit its price.
            self.end_combos_in(option, CancelReason::SplitAway, time, sink);
            let strike = Price((terms.strike.0 / ratio).round_dp(Money::SCALE).normalize());
            self.become_option(option, OptionTerms { strike, ..terms });
            let action = CorporateAction::Split { ratio };
            self.on_corporate_action(option, &action, time, sink);
        }
    }

    fn options_on(&self, underlying: InstrumentId) -> Vec<(InstrumentId, OptionTerms)> {
        let symbol = self.instrument(underlying).symbol();
        let terms_of = |at: InstrumentId| match self.instrument(at).kind() {
            InstrumentKind::Option(terms) if terms.underlying == *symbol => Some((at, terms.clone())),
            _ => None,
        };
        self.places().filter_map(terms_of).collect()
    }

    fn become_option(&mut self, at: InstrumentId, terms: OptionTerms) {
        let adjusted = self
            .instrument(at)
            .clone()
            .with_kind(InstrumentKind::Option(terms));
        self.account.become_instrument(at, &adjusted);
        if let Some(instrument) = self.config.instrument_mut(at) {
            *instrument = adjusted.clone();
        }
        self.market_mut(at).become_instrument(adjusted);
    }
}
