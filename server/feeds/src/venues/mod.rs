//! One module a venue.
