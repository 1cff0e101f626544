//! Orders and accounts: place, change, withdraw, explain. An account is a session's and has its id.

use super::Api;
use super::extract::{Json, JsonText, Path, parse};
use super::problem::{Failure, path_id, problem};
use super::query::{Format, List};
use super::sessions::{self, session_id};
use crate::services::{Change, Placement, ServiceError};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use papertape::api::{
    AmendBody, ComboBody, OrderBody, OrderChange, OrderExplanation, OrderListBody, OrderReport,
    ProblemDetails, PublicOrderId,
};
use papertape::engine::ComboRequest;
use papertape::order::OrderList;
use serde::{Deserialize, Serialize, de::IgnoredAny};

/// `POST /accounts/{id}/orders`: one order, `{"group", "orders"}`, or several options as one order `{"legs"}`.
///
/// 201 with what was placed; 200 with all of it when the same request was made before, as its client order ids tell; 409
/// when one of them belongs to another request; 422 with the reason's code and the refused orders.
pub(super) async fn place(
    State(api): State<Api>,
    Path(id): Path<String>,
    JsonText(body): JsonText,
) -> Result<Response, Failure> {
    let id = session_id(&id)?;
    let (list, is_list) = match read(&body)? {
        Asked::List(list) => (list, true),
        Asked::One(list) => (list, false),
        Asked::Combo(request) => {
            return Ok(match api.services.place_combo(&id, request).await {
                Ok(orders) => (StatusCode::CREATED, axum::Json(Orders { orders })).into_response(),
                Err(error) => refused(error),
            });
        }
    };
    let placed = match api.services.place_orders(&id, list).await {
        Ok(placed) => placed,
        Err(error) => return Ok(refused(error)),
    };
    let (status, orders) = match placed {
        Placement::New(orders) => (StatusCode::CREATED, orders),
        Placement::Known(orders) => (StatusCode::OK, orders),
    };
    let mut answer = if is_list {
        (status, axum::Json(Orders { orders })).into_response()
    } else {
        let mut orders = orders.into_iter();
        let Some(order) = orders.next() else {
            return Err(super::problem::internal(&NoOrder));
        };
        let location = format!("/api/paper-trading/orders/{}", order.id);
        let attached = orders.collect();
        let body = axum::Json(Placed { order, attached });
        (status, [(header::LOCATION, location)], body).into_response()
    };
    answer.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    Ok(answer)
}

/// What a request asks for.
enum Asked {
    One(OrderList),
    List(OrderList),
    Combo(ComboRequest),
}

/// A list is known by its `orders`, a combination by its `legs`, so that what is wrong is said of the form that was meant.
fn read(body: &[u8]) -> Result<Asked, Failure> {
    #[derive(Deserialize)]
    struct Form {
        orders: Option<IgnoredAny>,
        legs: Option<IgnoredAny>,
    }
    let form = parse::<Form>(body)?;
    Ok(if form.legs.is_some() {
        Asked::Combo(parse::<ComboBody>(body)?.into())
    } else if form.orders.is_some() {
        Asked::List(parse::<OrderListBody>(body)?.into())
    } else {
        Asked::One(parse::<OrderBody>(body)?.into())
    })
}

/// The engine placed nothing and refused nothing.
#[derive(Debug, thiserror::Error)]
#[error("an order was placed and is not there")]
struct NoOrder;

/// One order with those attached to it.
#[derive(Debug, Serialize)]
struct Placed {
    #[serde(flatten)]
    order: OrderReport,
    attached: Vec<OrderReport>,
}

#[derive(Debug, Serialize)]
struct Orders {
    orders: Vec<OrderReport>,
}

/// A refusal with the orders that it concerns: members that RFC 9457 leaves to each kind of problem.
#[derive(Debug, Serialize)]
struct Refused {
    #[serde(flatten)]
    details: ProblemDetails,
    orders: Vec<OrderReport>,
}

fn refused(error: ServiceError) -> Response {
    let details = problem(&error);
    let ServiceError::RefusedOrders(refused) = error else {
        return Failure::from(details).into_response();
    };
    let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let body = axum::Json(Refused {
        details,
        orders: refused.orders,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body).into_response()
}

fn changed(result: Result<Change, ServiceError>) -> Response {
    match result {
        Ok(Change::Done(order)) => axum::Json(order).into_response(),
        Ok(Change::OnItsWay(order)) => (StatusCode::ACCEPTED, axum::Json(order)).into_response(),
        Err(error) => refused(error),
    }
}

/// `PATCH /orders/{id}`.
pub(super) async fn amend(
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<AmendBody>,
) -> Result<Response, Failure> {
    let id: PublicOrderId = path_id(&id, "order")?;
    let change = OrderChange::Amend(body.of(id.number));
    Ok(changed(api.services.change_order(&id.session, change).await))
}

/// `POST /orders/{id}/cancel`, `DELETE /orders/{id}`.
pub(super) async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Failure> {
    let id: PublicOrderId = path_id(&id, "order")?;
    let change = OrderChange::Cancel(id.number);
    Ok(changed(api.services.change_order(&id.session, change).await))
}

/// `DELETE /accounts/{id}/orders`, `POST /accounts/{id}/orders/cancel`: 202 when some are still on their way to their end.
pub(super) async fn cancel_all(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Failure> {
    let orders = api.services.cancel_orders(&session_id(&id)?).await?;
    let is_done = orders.items.iter().all(|order| order.status.is_final());
    let status = if is_done {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, axum::Json(orders)).into_response())
}

pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<OrderReport>, Failure> {
    let id: PublicOrderId = path_id(&id, "order")?;
    Ok(axum::Json(api.services.order(&id.session, id.number).await?))
}

pub(super) async fn explain(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<axum::Json<OrderExplanation>, Failure> {
    let id: PublicOrderId = path_id(&id, "order")?;
    Ok(axum::Json(
        api.services.explain_order(&id.session, id.number).await?,
    ))
}

/// The orders of an account: with public ids as JSON, as the session's own list writes them as CSV.
pub(super) async fn list(state: State<Api>, Path(id): Path<String>, list: List) -> Result<Response, Failure> {
    if list.format == Format::Csv {
        return sessions::orders(state, Path(id), list).await;
    }
    let page = state
        .services
        .account_orders(&session_id(&id)?, &list.query)
        .await?;
    Ok(axum::Json(page).into_response())
}
