//! Whether the market could give a fill: its quantity, its price, its time.

use super::book::MarketModel;
use super::{Verdict, ensure, worse};
use papertape::engine::Input;
use papertape::exchange::{DataTier, Fill, Liquidity, Met, TradingStatus};
use papertape::market::{Calendar, MarketEvent, TradeTick};
use papertape::model::{Price, Quantity, Side, Timeframe, Timestamp};
use papertape::order::{Order, TimeInForce};
use rust_decimal::Decimal;

impl MarketModel {
    /// A fill at a price of the model: no more at one quote than it shows, at no better price.
    pub(super) fn judge_model_fill(&mut self, fill: &Fill, order: &Order, size: f64) -> Verdict {
        let told = || format!("{fill:?}\n{order:?}");
        const LIVES: &str = "an option fills at the model's quotes while it lives";
        let is_alive = self.status == TradingStatus::Trading && fill.explanation.tier == DataTier::Model;
        ensure(is_alive, LIVES, told)?;
        self.judge_hours(fill, order)?;
        let Met::Quote { time, bid, ask } = fill.explanation.met else {
            return ensure(false, LIVES, told);
        };
        let taken = self.model_taken.entry((time, fill.side)).or_default();
        *taken += fill.quantity.0;
        ensure(
            Quantity(*taken).to_f64() <= size,
            "no more of a level fills than it shows",
            told,
        )?;
        let shown = if fill.side == Side::Buy { ask } else { bid };
        let half_tick = 0.5 * Price(self.instrument.tick()).to_f64();
        let against = (fill.price.to_f64() - shown) * Price(fill.side.sign()).to_f64();
        let is_fair = fill.liquidity == Liquidity::Maker || against >= -half_tick;
        ensure(is_fair, "no taker fills better than the best price shown", told)
    }

    pub(super) fn judge_fill(&mut self, input: &Input, fill: &Fill, order: &Order) -> Verdict {
        if self
            .coming
            .as_ref()
            .is_some_and(|(_, update)| update.time == fill.explanation.met.time())
        {
            self.take_in();
        }
        let told = || format!("{fill:?}\n{order:?}\n{self:?}");
        ensure(
            self.status == TradingStatus::Trading,
            "nothing fills while the market is halted, gapped or over",
            told,
        )?;
        self.judge_hours(fill, order)?;
        match fill.explanation.met {
            Met::BarOpen { open_time } | Met::BarPath { open_time, .. } | Met::BarClose { open_time } => {
                self.judge_bar(input, open_time, fill)
            }
            Met::Trade { time, .. } => self.judge_trade(input, time, fill, order),
            Met::Quote { time, .. } | Met::Level { time, .. } => self.judge_level(time, fill),
            Met::Settlement { .. } => Ok(()),
        }
    }

    fn judge_hours(&self, fill: &Fill, order: &Order) -> Verdict {
        let calendar = Calendar::of(self.instrument.calendar());
        let is_timely = match order.time_in_force {
            TimeInForce::Opg => {
                calendar.next_open(order.submitted_at) <= fill.time
                    || self.is_bar_of(fill, calendar.next_open(order.submitted_at))
            }
            TimeInForce::Cls => {
                calendar.next_close(order.submitted_at) <= fill.time
                    || self.is_bar_of(fill, calendar.next_close(order.submitted_at))
            }
            _ => self.is_session(order, fill.time),
        };
        ensure(is_timely, "nothing fills outside its session", || {
            format!("{fill:?}\n{order:?}")
        })
    }

    /// Whether a fill met the bar in which, or at whose end, something was.
    fn is_bar_of(&self, fill: &Fill, time: Timestamp) -> bool {
        match fill.explanation.met {
            Met::BarOpen { open_time } | Met::BarPath { open_time, .. } | Met::BarClose { open_time } => {
                open_time <= time && time <= Timeframe::MINUTE.close_of(open_time)
            }
            _ => false,
        }
    }

    fn judge_bar(&mut self, input: &Input, open_time: Timestamp, fill: &Fill) -> Verdict {
        let bar = match input {
            Input::Market(_, MarketEvent::Bar(bar)) if bar.open_time == open_time => *bar,
            _ => {
                return ensure(false, "a fill meets the data that there is", || {
                    format!("{fill:?} in {input:?}")
                });
            }
        };
        self.taken += fill.quantity.0;
        let most = self.most_of(&bar);
        ensure(
            most.is_none_or(|most| Quantity(self.taken).to_f64() <= most * (1.0 + 1e-9)),
            "no more of a bar fills than its volume allows",
            || format!("{} of {most:?}: {fill:?}", self.taken),
        )?;
        let reference = fill.explanation.reference_price.to_f64();
        let half_tick = 0.5 * Price(self.instrument.tick()).to_f64();
        let is_met = match (fill.liquidity, fill.side) {
            (Liquidity::Taker, _) => {
                (bar.low - half_tick..=bar.high + half_tick).contains(&reference)
                    && worse(fill.side, fill.price.0, fill.explanation.reference_price.0) >= Decimal::ZERO
            }
            (Liquidity::Maker, Side::Buy) => fill.price.to_f64() >= bar.low - half_tick,
            (Liquidity::Maker, Side::Sell) => fill.price.to_f64() <= bar.high + half_tick,
        };
        ensure(is_met, "no fill flatters us: a bar was there", || {
            format!("{fill:?} in {bar:?}")
        })
    }

    fn judge_trade(&mut self, input: &Input, time: Timestamp, fill: &Fill, order: &Order) -> Verdict {
        let close = Calendar::of(self.instrument.calendar()).next_close(order.submitted_at);
        let is_at_close = order.time_in_force == TimeInForce::Cls && fill.time == close;
        let trade = match (input, &mut self.last_trade) {
            (Input::Market(_, MarketEvent::Trade(trade)), _) if trade.time == time => {
                self.taken += fill.quantity.0;
                *trade
            }
            // Nobody printed the auction: what is left of the last trade before it.
            (_, Some((trade, taken)))
                if is_at_close && trade.time == time && self.tier == Some(DataTier::Trades) =>
            {
                *taken += fill.quantity.0;
                let (trade, taken) = (*trade, *taken);
                return self.judge_quantity_of(&trade, taken, fill);
            }
            _ => {
                return ensure(false, "a fill meets the data that there is", || {
                    format!("{fill:?} in {input:?}")
                });
            }
        };
        ensure(!self.is_crossed(), "nothing fills on a crossed book", || {
            format!("{fill:?}\n{self:?}")
        })?;
        let taken_before = self.lots_of(Quantity(self.taken - fill.quantity.0));
        self.judge_queue(&trade, fill, order, taken_before)?;
        if fill.side == trade.aggressor {
            self.take_of_level(&trade, fill.quantity)?;
        } else if fill.liquidity == Liquidity::Taker && order.time_in_force != TimeInForce::Cls {
            // In an auction there is one price for both sides.
            let tick = self.instrument.tick();
            let price = self.instrument.price_from_f64(trade.price).unwrap_or_default();
            ensure(
                worse(fill.side, fill.price.0, price.0) >= tick || fill.price.0 <= tick,
                "who takes what others took on the other side pays for the spread",
                || format!("{fill:?} of {trade:?}"),
            )?;
        }
        self.judge_quantity_of(&trade, self.taken, fill)
    }

    /// What one of ours got of others' trade on the taking side is gone from the level that gave it, until that changes; what ours
    /// had taken of that before, the others cannot have got.
    fn take_of_level(&mut self, trade: &TradeTick, quantity: Quantity) -> Verdict {
        let shown_in_trade = self.lots_in(trade.size);
        let price = self.instrument.price_from_f64(trade.price);
        let price = price.and_then(|price| self.grid.ticks_of(price).ok());
        let levels = match trade.aggressor {
            Side::Buy => &mut self.asks,
            Side::Sell => &mut self.bids,
        };
        if let Some(shown) = price.and_then(|price| levels.get_mut(&price)) {
            let lots = self.grid.lots_of(quantity).unwrap_or(i64::MAX);
            ensure(
                shown.taken.saturating_add(lots) <= shown_in_trade,
                "what ours took of a level others cannot trade away",
                || format!("{lots} lots after {shown:?} of {trade:?}"),
            )?;
            shown.taken = shown.taken.saturating_add(lots).min(shown.size);
        }
        Ok(())
    }

    /// No more than was traded, at no better price; `taken` is what our orders took of the trade, this fill included.
    fn judge_quantity_of(&self, trade: &TradeTick, taken: Decimal, fill: &Fill) -> Verdict {
        let lots = self.grid.lots_of(Quantity(taken)).unwrap_or(i64::MAX);
        let shown = self.grid.lots(trade.size).unwrap_or(0);
        ensure(lots <= shown, "no more of a trade fills than was traded", || {
            format!("{lots} of {shown} lots: {fill:?}")
        })?;
        let price = self
            .instrument
            .price_from_f64(trade.price)
            .map_or(Decimal::ZERO, |price| price.0);
        ensure(
            worse(fill.side, fill.price.0, price) >= Decimal::ZERO,
            "no fill flatters us: a trade was there",
            || format!("{fill:?} of {trade:?}"),
        )
    }

    fn judge_level(&mut self, time: Timestamp, fill: &Fill) -> Verdict {
        let told = format!("{fill:?}\n{self:?}");
        ensure(
            self.tick_time == Some(time),
            "a fill meets the data that there is",
            || told.clone(),
        )?;
        let age = fill.time.since(time) / 1_000_000;
        let is_fresh = self
            .execution
            .fill
            .stale_after_ms
            .is_none_or(|most| age <= most as i64);
        ensure(is_fresh, "nothing fills on stale data", || told.clone())?;
        let is_doubted = self
            .beyond()
            .first()
            .is_some_and(|(since, _)| fill.time.since(*since) >= 1_000_000_000);
        ensure(
            !is_doubted,
            "nothing fills on a book that the market contradicts",
            || told.clone(),
        )?;
        ensure(!self.is_crossed(), "nothing fills on a crossed book", || {
            told.clone()
        })?;
        let side = fill.side.opposite();
        let met = match fill.explanation.met {
            Met::Level { price, .. } => self.grid.ticks_of(price).ok(),
            _ => self.best(side),
        };
        let lots = self.grid.lots_of(fill.quantity).unwrap_or(i64::MAX);
        let best = self.best(side).map(|best| self.grid.price(best));
        let levels = if side == Side::Buy {
            &mut self.bids
        } else {
            &mut self.asks
        };
        let Some(shown) = met.and_then(|price| levels.get_mut(&price)) else {
            return ensure(false, "a fill meets the data that there is", || told);
        };
        shown.taken += lots;
        ensure(
            shown.taken <= shown.size,
            "no more of a level fills than it shows",
            || told.clone(),
        )?;
        let is_fair = fill.liquidity == Liquidity::Maker
            || best.is_some_and(|best| worse(fill.side, fill.price.0, best.0) >= Decimal::ZERO);
        ensure(is_fair, "no taker fills better than the best price shown", || {
            told
        })
    }

    /// An order that must fill at once was withdrawn: what it wanted was not there.
    pub(super) fn judge_kill(&mut self, input: &Input, order: &Order) -> Verdict {
        let time = match input {
            Input::Market(_, MarketEvent::Quote(quote)) => quote.time,
            Input::Market(_, MarketEvent::Depth(update)) => update.time,
            _ => return Ok(()),
        };
        let arrives_before = order.arrives_at < time;
        let Some(limit) = order.kind.limit_price().filter(|_| !arrives_before) else {
            return Ok(());
        };
        if self
            .coming
            .as_ref()
            .is_some_and(|(_, update)| update.time == time)
        {
            self.take_in();
        }
        let is_open =
            self.status == TradingStatus::Trading && !self.is_crossed() && self.is_session(order, time);
        if !is_open
            || self.tick_time != Some(time)
            || order.kind.stop_price().is_some()
            || order.parent.is_some()
        {
            return Ok(());
        }
        let levels = if order.side == Side::Buy {
            &self.asks
        } else {
            &self.bids
        };
        let within = levels
            .iter()
            .filter(|(price, _)| worse(order.side, self.grid.price(**price).0, limit.0) <= Decimal::ZERO);
        let there: i64 = within.map(|(_, shown)| shown.size - shown.taken).sum();
        let wanted = self.grid.lots_of(order.remaining()).unwrap_or(i64::MAX);
        let is_enough = match order.time_in_force {
            TimeInForce::Fok => there >= wanted,
            _ => there > 0,
        };
        ensure(!is_enough, "what must fill at once fills when it can", || {
            format!("{there} of {wanted}: {order:?}\n{self:?}")
        })
    }
}
