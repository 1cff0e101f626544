//! Options: how a session quotes them, what is listed, exercise.

use super::orders::RefusedOrders;
use super::sessions::Chosen;
use super::{ServiceError, Services};
use papertape::api::{FieldErrors, OptionBoard, OrderReport, Page, StartRequest};
use papertape::engine::{ComboRequest, ExerciseRequest, OptionModel};
use papertape::model::{InstrumentKind, SessionId, Symbol};
use papertape::portfolio::Position;
use papertape::pricing::OptionChain;

impl Services {
    /// How a new session's options are quoted, by its request and by the chains that were imported.
    pub(super) async fn option_model(
        &self,
        request: &StartRequest,
        chosen: &Chosen,
    ) -> Result<Option<OptionModel>, ServiceError> {
        let Some(settings) = &request.options else {
            return Ok(None);
        };
        let traded = std::iter::once(&chosen.instrument).chain(&chosen.peers);
        let shares: Vec<&Symbol> = traded
            .filter(|instrument| *instrument.kind() == InstrumentKind::Equity)
            .map(papertape::model::Instrument::symbol)
            .collect();
        let mut errors = FieldErrors::default();
        errors.check(
            !shares.is_empty(),
            "options",
            "options are on shares and funds, such as AAPL: the session trades none",
        );
        errors.finish()?;
        let mut chains = Vec::new();
        if settings.chain {
            for symbol in shares {
                chains.push((symbol.clone(), self.chain(symbol).await?));
            }
        }
        Ok(Some(settings.model(&chains)))
    }

    /// The imported chain of some shares.
    async fn chain(&self, shares: &Symbol) -> Result<OptionChain, ServiceError> {
        let csv = self.storage.chain(shares).await?;
        let chain = csv.as_deref().map(OptionChain::parse);
        chain.and_then(Result::ok).ok_or_else(|| ServiceError::NoSuch {
            code: "unknown_chain",
            path: "options.chain",
            message: format!(
                "there is no option chain of {shares}: import one with `papertape import CHAIN.csv --symbol {shares}`, \
                 or say a volatility"
            ),
        })
    }

    /// The options on some shares: as a session quotes them now, or as the imported chain has them.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session or chain, or the session trades no options on them.
    pub async fn options(
        &self,
        shares: &Symbol,
        session: Option<&SessionId>,
    ) -> Result<OptionBoard, ServiceError> {
        let Some(session) = session else {
            return Ok(OptionBoard::of_chain(shares, &self.chain(shares).await?));
        };
        let desk = self.host.option_desk(session, shares.clone()).await?;
        let desk = desk.ok_or_else(|| ServiceError::NoSuch {
            code: "no_options",
            path: "session",
            message: format!(
                "this session quotes no options on {shares}: start one that trades {shares} with `options`, and wait for \
                 its first price"
            ),
        })?;
        // Trees of many options take a while.
        let board = tokio::task::spawn_blocking(move || OptionBoard::of_desk(&desk));
        board
            .await
            .map_err(|_| crate::storage::StorageError::Closed.into())
    }

    /// Places several options as one order; durable when this returns, with the orders of its legs.
    ///
    /// # Errors
    /// [`ServiceError::RefusedOrders`] when risk check or exchange refuse it.
    pub async fn place_combo(
        &self,
        id: &SessionId,
        request: ComboRequest,
    ) -> Result<Vec<OrderReport>, ServiceError> {
        let orders = self.host.place_combo(id, request).await?;
        let reports = self.reports(id, &orders)?;
        match super::orders::refusal(&orders) {
            Some(order) => Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: order.end_code.to_string(),
                reason: order.end_reason.to_string(),
                orders: reports,
            }))),
            None => Ok(reports),
        }
    }

    /// Makes use of options that are held, before they expire; durable when this returns, with what is held then.
    ///
    /// # Errors
    /// [`ServiceError::RefusedOrders`], without orders, when it cannot be.
    pub async fn exercise(
        &self,
        id: &SessionId,
        request: ExerciseRequest,
    ) -> Result<Page<Position>, ServiceError> {
        if let Err(reason) = self.host.exercise(id, request).await? {
            return Err(ServiceError::RefusedOrders(Box::new(RefusedOrders {
                code: reason.code().to_owned(),
                reason: reason.to_string(),
                orders: Vec::new(),
            })));
        }
        self.positions(id, &super::RecordQuery::default()).await
    }
}
