//! What was told of several symbols that were asked for together.

use super::{FeedError, Listing, Told};
use futures::future::join_all;

/// What a venue told of each of the listings that it was asked for, in their order: there are as many answers as listings.
#[derive(Clone, Debug, PartialEq)]
pub struct Polled<'a>(Vec<(&'a Listing, Answer)>);

/// What was told of one listing.
type Answer = Result<Vec<Told>, FeedError>;

impl<'a> Polled<'a> {
    /// Reads what an answer has of each listing.
    #[must_use]
    pub fn each(listings: &[&'a Listing], mut read: impl FnMut(&'a Listing) -> Answer) -> Self {
        Self(listings.iter().map(|listing| (*listing, read(listing))).collect())
    }

    /// Asks for each listing alone, where the venue has no other way.
    pub async fn one_by_one<F: Future<Output = Answer>>(
        listings: &[&'a Listing],
        mut ask: impl FnMut(&'a Listing) -> F,
    ) -> Self {
        let asked = listings.iter().map(|listing| {
            let answer = ask(listing);
            async move { (*listing, answer.await) }
        });
        Self(join_all(asked).await)
    }

    /// The listings of which something was told, and be it that there is nothing.
    #[must_use]
    pub fn known(&self) -> Vec<&'a Listing> {
        let known = self.0.iter().filter(|(_, answer)| answer.is_ok());
        known.map(|(listing, _)| *listing).collect()
    }

    /// With what a further answer has of each that is [known](Self::known).
    #[must_use]
    pub fn and(mut self, mut read: impl FnMut(&'a Listing) -> Answer) -> Self {
        for (listing, answer) in &mut self.0 {
            if let Ok(told) = answer {
                match read(listing) {
                    Ok(more) => told.extend(more),
                    Err(error) => *answer = Err(error),
                }
            }
        }
        self
    }

    /// The answers, in the listings' order.
    pub fn into_answers(self) -> impl Iterator<Item = Answer> {
        self.0.into_iter().map(|(_, answer)| answer)
    }
}
