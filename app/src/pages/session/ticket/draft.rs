//! What is typed into the ticket, and the order that it says.

use crate::typed;
use leptos::prelude::*;
use papertape::api::Number;
use papertape::model::{Instrument, Side, Timestamp};
use papertape::order::{
    Attached, AttachedLeg, ClientOrderIdError, OrderRequest, OrderType, PostOnlyRequest, TimeInForceWord,
    TrailRequest,
};
use rust_decimal::Decimal;

/// Types on offer, as the select writes them, with their names for people.
pub(super) const TYPES: [(OrderType, &str, &str); 7] = [
    (OrderType::Market, "market", "Market"),
    (OrderType::Limit, "limit", "Limit"),
    (OrderType::Stop, "stop", "Stop"),
    (OrderType::StopLimit, "stop_limit", "Stop limit"),
    (OrderType::TrailingStop, "trailing_stop", "Trailing stop"),
    (OrderType::TakeProfit, "take_profit", "Take profit"),
    (
        OrderType::TakeProfitLimit,
        "take_profit_limit",
        "Take profit limit",
    ),
];

/// What a trail is measured in.
pub(super) const TRAILS: [(bool, &str, &str); 2] =
    [(true, "percent", "Percent"), (false, "amount", "Quote currency")];

/// Whether it may take, on offer.
pub(super) const TAKES: [(PostOnlyRequest, &str, &str); 3] = [
    (PostOnlyRequest::No, "no", "May take"),
    (PostOnlyRequest::Reject, "reject", "Post only, else rejected"),
    (
        PostOnlyRequest::Slide,
        "slide",
        "Post only, else its price slides",
    ),
];

/// Times in force on offer.
pub(super) const STAYS: [(TimeInForceWord, &str, &str); 7] = [
    (TimeInForceWord::Gtc, "gtc", "Until canceled"),
    (TimeInForceWord::Day, "day", "For the day"),
    (TimeInForceWord::Gtd, "gtd", "Until a time"),
    (TimeInForceWord::Ioc, "ioc", "At once, in part or whole"),
    (TimeInForceWord::Fok, "fok", "At once and whole"),
    (TimeInForceWord::Opg, "opg", "At the opening auction"),
    (TimeInForceWord::Cls, "cls", "At the closing auction"),
];

pub(super) const fn has_limit(kind: OrderType) -> bool {
    matches!(
        kind,
        OrderType::Limit | OrderType::StopLimit | OrderType::TakeProfitLimit
    )
}

pub(super) const fn has_stop(kind: OrderType) -> bool {
    matches!(
        kind,
        OrderType::Stop | OrderType::StopLimit | OrderType::TakeProfit | OrderType::TakeProfitLimit
    )
}

/// What is wrong with a ticket: the field and what to do.
pub(super) type Flaw = (&'static str, String);

/// The texts of the ticket, as typed.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    pub(super) side: RwSignal<Side>,
    pub(super) kind: RwSignal<OrderType>,
    pub(super) quantity: RwSignal<String>,
    pub(super) price: RwSignal<String>,
    pub(super) stop: RwSignal<String>,
    pub(super) trail: RwSignal<String>,
    pub(super) trail_in_percent: RwSignal<bool>,
    pub(super) stays: RwSignal<TimeInForceWord>,
    pub(super) expires: RwSignal<String>,
    pub(super) post_only: RwSignal<PostOnlyRequest>,
    pub(super) reduce_only: RwSignal<bool>,
    pub(super) close_position: RwSignal<bool>,
    pub(super) display: RwSignal<String>,
    pub(super) name: RwSignal<String>,
    pub(super) target: RwSignal<String>,
    pub(super) protection: RwSignal<String>,
}

impl Draft {
    pub(super) fn new() -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            side: RwSignal::new(Side::Buy),
            kind: RwSignal::new(OrderType::Market),
            quantity: empty(),
            price: empty(),
            stop: empty(),
            trail: empty(),
            trail_in_percent: RwSignal::new(true),
            stays: RwSignal::new(TimeInForceWord::Gtc),
            expires: empty(),
            post_only: RwSignal::new(PostOnlyRequest::No),
            reduce_only: RwSignal::new(false),
            close_position: RwSignal::new(false),
            display: empty(),
            name: empty(),
            target: empty(),
            protection: empty(),
        }
    }

    /// The order that the texts say, or the first of them that says nothing usable.
    pub(super) fn read(self, instrument: &Instrument) -> Result<OrderRequest, Flaw> {
        let kind = self.kind.get();
        let price = |text, path| on_step(text, path, instrument.tick(), "price");
        let wanted = |wanted: bool, text, path| wanted.then(|| price(text, path)).transpose();
        let mut request = OrderRequest::market(self.side.get(), Decimal::ZERO);
        request.close_position = self.close_position.get();
        request.quantity = (!request.close_position)
            .then(|| on_step(self.quantity, "quantity", instrument.lot(), "quantity"))
            .transpose()?;
        request.kind = kind;
        request.price = wanted(has_limit(kind), self.price, "price")?;
        request.stop_price = wanted(has_stop(kind), self.stop, "stop_price")?;
        if kind == OrderType::TrailingStop {
            let distance = number(self.trail, "trail")?;
            let in_percent = self.trail_in_percent.get();
            if in_percent && distance >= Decimal::ONE_HUNDRED {
                return Err(("trail", "Write a distance below 100 %".to_owned()));
            }
            request.trail = Some(TrailRequest {
                amount: (!in_percent).then_some(distance),
                percent: in_percent.then_some(distance),
            });
        }
        request.time_in_force = Some(self.stays.get());
        if self.stays.get() == TimeInForceWord::Gtd {
            let wrong = || {
                (
                    "expires_at",
                    "Write a time such as 2030-12-01 10:00, in UTC".to_owned(),
                )
            };
            request.expires_at = Some(Timestamp::parse(&self.expires.get()).map_err(|_| wrong())?);
        }
        if has_limit(kind) {
            request.post_only = self.post_only.get();
            if !self.display.get().trim().is_empty() {
                let display = on_step(self.display, "display_quantity", instrument.lot(), "quantity")?;
                request.display_quantity = Some(display);
            }
        }
        request.reduce_only = self.reduce_only.get();
        let name = self.name.get();
        if !name.trim().is_empty() {
            let name = name.trim().parse();
            let name = name.map_err(|wrong: ClientOrderIdError| ("client_order_id", wrong.to_string()))?;
            request.client_order_id = Some(name);
        }
        request.attached = self.attached(instrument)?;
        Ok(request)
    }

    fn attached(self, instrument: &Instrument) -> Result<Option<Attached>, Flaw> {
        let leg = |text: RwSignal<String>, path| {
            let is_there = !text.get().trim().is_empty();
            is_there
                .then(|| on_step(text, path, instrument.tick(), "price"))
                .transpose()
        };
        let take_profit = leg(self.target, "take_profit")?.map(|price| AttachedLeg {
            price: Some(price),
            ..AttachedLeg::default()
        });
        let stop_loss = leg(self.protection, "stop_loss")?.map(|price| AttachedLeg {
            stop_price: Some(price),
            ..AttachedLeg::default()
        });
        let any = take_profit.is_some() || stop_loss.is_some();
        Ok(any.then_some(Attached {
            take_profit,
            stop_loss,
        }))
    }
}

/// A number above zero.
fn number(text: RwSignal<String>, path: &'static str) -> Result<Decimal, Flaw> {
    let text = text.get();
    typed::number(&text)
        .filter(|number| *number > Decimal::ZERO && *number <= Number::MOST)
        .ok_or_else(|| {
            (
                path,
                typed::instead(&text, "Write a number above zero").to_owned(),
            )
        })
}

/// A number above zero that the instrument's step divides.
fn on_step(text: RwSignal<String>, path: &'static str, step: Decimal, what: &str) -> Result<Decimal, Flaw> {
    let number = number(text, path)?;
    if (number % step).is_zero() {
        Ok(number)
    } else {
        Err((path, format!("The {what} goes in steps of {}", step.normalize())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use papertape::model::decimal;

    fn exact(text: &str) -> Decimal {
        decimal::parse(text).expect("a number")
    }

    /// What a ticket says once it is filled in.
    fn read(fill_in: impl FnOnce(&Draft)) -> Result<OrderRequest, Flaw> {
        Owner::new().with(|| {
            let draft = Draft::new();
            fill_in(&draft);
            draft.read(&samples::summary().instrument)
        })
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field_before_anything_is_sent() {
        let limit = |draft: &Draft| {
            draft.kind.set(OrderType::Limit);
            draft.quantity.set("0.5".to_owned());
        };
        for (path, flaw) in [
            ("quantity", read(|_| {})),
            ("quantity", read(|draft| draft.quantity.set("0".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("0,5".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("-1".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("NaN".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("1e20".to_owned()))),
            (
                "quantity",
                read(|draft| draft.quantity.set("0.0000001".to_owned())),
            ),
            ("price", read(limit)),
            (
                "price",
                read(|draft| {
                    limit(draft);
                    draft.price.set("96000.001".to_owned());
                }),
            ),
            (
                "stop_price",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.kind.set(OrderType::Stop);
                }),
            ),
            (
                "trail",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.kind.set(OrderType::TrailingStop);
                    draft.trail.set("100".to_owned());
                }),
            ),
            (
                "expires_at",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.stays.set(TimeInForceWord::Gtd);
                    draft.expires.set("soon".to_owned());
                }),
            ),
            (
                "client_order_id",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.name.set("my order".to_owned());
                }),
            ),
            (
                "display_quantity",
                read(|draft| {
                    limit(draft);
                    draft.price.set("96000".to_owned());
                    draft.display.set("none".to_owned());
                }),
            ),
            (
                "stop_loss",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.protection.set("low".to_owned());
                }),
            ),
        ] {
            assert_eq!(flaw.expect_err(path).0, path);
        }
    }

    #[test]
    fn a_position_is_closed_whole_without_a_quantity() {
        let request = read(|draft| {
            draft.side.set(Side::Sell);
            draft.close_position.set(true);
        })
        .expect("an order");
        assert_eq!((request.close_position, request.quantity), (true, None));
    }

    #[test]
    fn a_whole_ticket_is_a_bracket() {
        let request = read(|draft| {
            draft.kind.set(OrderType::Limit);
            draft.quantity.set("0.5".to_owned());
            draft.price.set("96,000".to_owned());
            draft.post_only.set(PostOnlyRequest::Slide);
            draft.display.set("0.1".to_owned());
            draft.name.set("mine-1".to_owned());
            draft.target.set("99000".to_owned());
            draft.protection.set("95000".to_owned());
        })
        .expect("an order");
        assert_eq!(request.price, Some(exact("96000")));
        assert_eq!(request.post_only, PostOnlyRequest::Slide);
        assert_eq!(request.display_quantity, Some(exact("0.1")));
        assert_eq!(
            request.client_order_id.map(String::from),
            Some("mine-1".to_owned())
        );
        let attached = request.attached.expect("two orders");
        assert_eq!(
            attached.take_profit.and_then(|leg| leg.price),
            Some(exact("99000"))
        );
        assert_eq!(
            attached.stop_loss.and_then(|leg| leg.stop_price),
            Some(exact("95000"))
        );
    }
}
