//! What the server sends before any script runs.

use super::session::parts::{Orders, StateNote, Ticket, order_story};
use super::sessions::SessionTable;
use super::shelf::Shelf;
use crate::components::Zone;
use crate::live::{Live, SessionView};
use crate::samples;
use leptos::prelude::*;
use leptos_router::{components::Router, location::RequestUrl};
use papertape::api::{OrderExplanation, SessionDetail, StrategyCard};
use papertape::engine::{SessionState, Wait};
use papertape::order::{OrderKind, OrderPurpose, OrderStatus};

/// The HTML of a view inside the contexts that every page has.
fn html(view: fn() -> AnyView) -> String {
    let owner = Owner::new();
    owner.with(|| {
        provide_context(RequestUrl::new("/"));
        provide_context(Live::new());
        provide_context(Zone::new());
        view! { <Router>{view()}</Router> }.to_html()
    })
}

/// The words alone, without tags and comments.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shelf(card: StrategyCard) -> AnyView {
    view! { <Shelf cards=vec![card] words=Signal::stored(String::new()) /> }.into_any()
}

#[test]
fn a_card_shows_the_last_backtest_and_starts_with_its_parameters() {
    let page = words(&html(|| shelf(samples::card(true))));
    for part in [
        "SMA cross",
        "BTC/USDT 1m",
        "+3.12%",
        "8.10%",
        "1.23",
        "41.7%",
        "1,204",
        "Simulated market, 90 days",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(
        page.contains("fast 25, simulated market"),
        "the backtest's value, not the default: {page}"
    );
    assert!(
        page.contains("Start paper trading") && page.contains("Backtest again"),
        "{page}"
    );
}

#[test]
fn a_card_that_was_never_tested_says_what_a_test_would_tell() {
    let page = words(&html(|| shelf(samples::card(false))));
    assert!(
        page.contains("Not tested yet.") && page.contains("fast 20"),
        "{page}"
    );
}

#[test]
fn a_broken_strategy_shows_its_places_and_cannot_start() {
    let page = html(|| {
        let problem = "12:8: unknown name 'slwo'; did you mean 'slow'?".to_owned();
        shelf(StrategyCard {
            problems: vec![problem],
            ..samples::card(false)
        })
    });
    assert!(words(&page).contains("12:8: unknown name"), "{page}");
    assert!(!page.contains("data-testid=\"start\""), "{page}");
}

#[test]
fn a_row_holds_figures_with_units_and_the_word_simulated() {
    let page = html(|| {
        let mut session = samples::summary();
        session.position = Some(samples::position());
        session.total_return = -0.0123;
        let id = session.id.clone();
        let list = Memo::new(move |_| vec![session.clone()]);
        view! { <SessionTable list shown=Signal::stored(vec![id]) /> }.into_any()
    });
    let text = words(&page);
    for part in [
        "100,000.00 USDT",
        "▼ −1.23%",
        "simulated",
        "long 0.50000 at 96,440.25",
        "running",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        page.contains("<tbody>") && page.contains("href=\"/sessions/s-1\""),
        "{page}"
    );
}

#[test]
fn refused_orders_and_ended_states_say_why() {
    let orders = words(&html(|| {
        let mut order = samples::order(7, OrderPurpose::Entry, OrderKind::Market);
        order.status = OrderStatus::Denied;
        order.end_reason = "needs 200000 USDT but only 100000 USDT is available".into();
        let view = SessionView::new(&SessionDetail {
            orders: vec![order],
            ..samples::detail()
        });
        view! { <Orders view /> }.into_any()
    }));
    assert!(
        orders.contains("denied") && orders.contains("only 100000 USDT is available"),
        "{orders}"
    );
    let note = words(&html(|| {
        let mut detail = samples::detail();
        detail.summary.state = SessionState::Halted;
        detail.summary.state_reason = "drawdown of 20% reached".to_owned();
        view! { <StateNote view=SessionView::new(&detail) /> }.into_any()
    }));
    assert!(
        note.contains("a protection closed the position") && note.contains("drawdown of 20% reached"),
        "{note}"
    );
}

#[test]
fn the_first_render_is_the_same_on_every_side() {
    let make = || shelf(samples::card(true));
    assert_eq!(html(make), html(make));
    assert!(
        html(make).contains("title=\"2024-12-01 10:00:00 UTC\""),
        "times are in UTC until the zone is known"
    );
}

#[test]
fn an_order_can_be_explained_and_only_an_open_one_changed_and_withdrawn() {
    let page = |status: OrderStatus| {
        let owner = Owner::new();
        owner.with(|| {
            provide_context(RequestUrl::new("/"));
            provide_context(Live::new());
            provide_context(Zone::new());
            let mut order = samples::order(7, OrderPurpose::Manual, OrderKind::Market);
            order.status = status;
            let view = SessionView::new(&SessionDetail {
                orders: vec![order],
                ..samples::detail()
            });
            view! { <Router><Orders view /></Router> }.to_html()
        })
    };
    let buttons = |status| {
        let html = page(status);
        ["order-why", "order-change", "order-cancel"]
            .map(|id| html.contains(&format!("data-testid=\"{id}\"")))
    };
    assert_eq!(buttons(OrderStatus::Accepted), [true, true, true]);
    assert_eq!(buttons(OrderStatus::Waiting), [true, true, true]);
    assert_eq!(
        buttons(OrderStatus::Submitted),
        [true, false, true],
        "it is on its way"
    );
    assert_eq!(buttons(OrderStatus::Filled), [true, false, false]);
    assert_eq!(buttons(OrderStatus::Rejected), [true, false, false]);
}

#[test]
fn fields_say_what_they_mean_and_what_is_wrong_to_those_who_cannot_see_it() {
    use crate::components::NumberField;
    let field = html(|| {
        let error = Signal::derive(|| Some("Write a number".to_owned()));
        view! { <NumberField label="Price" id="price" value=RwSignal::new(String::new()) error hint="The worst" /> }
            .into_any()
    });
    assert!(
        field.contains("aria-describedby=\"price-hint price-error\""),
        "{field}"
    );
    assert!(
        field.contains("id=\"price-hint\"") && field.contains("id=\"price-error\""),
        "{field}"
    );
}

#[test]
fn a_fill_s_story_goes_from_the_decision_to_the_fee_and_adds_up() {
    let story = words(&html(|| {
        let order = samples::order(1, OrderPurpose::Entry, OrderKind::Market);
        let instrument = samples::summary().instrument;
        let story = OrderExplanation::of(&order, &instrument, &[samples::fill(1)], vec![Wait::Halted]);
        order_story(story, &instrument).into_any()
    }));
    for part in [
        "The instrument is halted: orders rest, nothing fills.",
        "It was decided on a price of 96400",
        "15.25 market moved + 4.875 slippage = 20.125 = (96440.25 − 96400) × 0.5",
        "From decision to fill",
        "Market moved",
        "Latency",
        "Half the spread",
        "Slippage",
        "Impact",
        "Price cost 96,440.25 at the fill, 96,400.00 at the decision",
        "implementation shortfall",
    ] {
        assert!(story.contains(part), "{part} in {story}");
    }
}

#[test]
fn a_session_that_trades_has_a_ticket_and_one_that_has_ended_has_none() {
    let ticket = |state: SessionState| {
        let owner = Owner::new();
        owner.with(|| {
            provide_context(RequestUrl::new("/"));
            provide_context(Live::new());
            provide_context(Zone::new());
            let mut detail = samples::detail();
            detail.summary.state = state;
            let view = SessionView::new(&detail);
            words(&view! { <Router><Ticket view /></Router> }.to_html())
        })
    };
    let open = ticket(SessionState::Running);
    for part in [
        "New order",
        "Quantity, of BTC/USDT",
        "Stays",
        "Attached stop",
        "Place the order to buy",
    ] {
        assert!(open.contains(part), "{part} in {open}");
    }
    assert!(!ticket(SessionState::Stopped).contains("New order"));
}
