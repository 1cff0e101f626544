//! The pages, one a place.

pub(crate) mod backtest;
mod builder;
mod feeds;
mod not_found;
mod overview;
mod research;
mod session;
mod sessions;
mod shelf;
mod strategies;
mod strategy;

#[cfg(test)]
mod tests;

pub(crate) use backtest::Backtest;
pub(crate) use builder::Builder;
pub(crate) use feeds::Feeds;
pub(crate) use not_found::{Missing, NotFound};
pub(crate) use overview::Overview;
pub(crate) use research::Research;
pub(crate) use session::Session;
pub(crate) use sessions::Sessions;
pub(crate) use strategies::Strategies;
pub(crate) use strategy::Strategy;
