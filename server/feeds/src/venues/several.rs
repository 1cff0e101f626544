//! What is asked of a venue for several symbols at once.

use crate::venue::Listing;
use papertape::model::Symbol;
use std::collections::BTreeSet;

/// How many symbols are subscribed with one frame at most, where nobody says how many may be.
pub(crate) const SYMBOLS_A_FRAME: usize = 100;

/// The symbol that an answer is about, where it is about one.
pub(crate) fn only<'a>(listings: &[&'a Listing]) -> Option<&'a Symbol> {
    match listings {
        [one] => Some(one.instrument.symbol()),
        _ => None,
    }
}

/// What listings are called at their venue, each once, with commas between.
pub(crate) fn names(listings: &[&Listing]) -> String {
    let names: BTreeSet<&str> = listings.iter().map(|listing| &*listing.venue_symbol).collect();
    Vec::from_iter(names).join(",")
}
