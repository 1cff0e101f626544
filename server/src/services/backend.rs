//! The pages' door: the same services, answered with problems that a page can show.

use super::{Base, Change, Placement, ServiceError, Services};
use papertape::analytics::Metrics;
use papertape::api::{
    BacktestRequest, BacktestStatus, DatasetInfo, Edit, EditOutcome, FeedsNow, OrderChange, OrderExplanation,
    OrderReport, Outline, SessionAction, SessionDataQuality, SessionDetail, SessionSummary, StartRequest,
    StrategyCard, StrategyDetail, StrategyVersion, StudyRequest, StudyStatus, StudySummary, SystemStatus,
    VersionDetail, Word,
};
use papertape::model::{BacktestId, OrderId, SessionId, StudyId};
use papertape::order::OrderList;
use papertape::strategy::outline;
use papertape_app::backend::{Answer, Backend};

/// Boxes a service's answer, its error as a problem.
macro_rules! answer {
    ($answer:expr) => {
        Box::pin(async move {
            $answer
                .await
                .map_err(|error: ServiceError| crate::http::problem(&error))
        })
    };
}

impl Backend for Services {
    fn status(&self) -> Answer<'_, SystemStatus> {
        answer!(self.status())
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionSummary>> {
        Box::pin(async { Ok(self.sessions()) })
    }

    fn session(&self, id: SessionId) -> Answer<'_, SessionDetail> {
        answer!(Self::session(self, &id))
    }

    fn start(&self, request: StartRequest) -> Answer<'_, SessionSummary> {
        answer!(self.start_session(request))
    }

    fn act(&self, id: SessionId, action: SessionAction) -> Answer<'_, SessionSummary> {
        answer!(Self::act(self, &id, action))
    }

    fn place(&self, id: SessionId, list: OrderList) -> Answer<'_, Vec<OrderReport>> {
        answer!(async move {
            let (Placement::New(orders) | Placement::Known(orders)) = self.place_orders(&id, list).await?;
            Ok(orders)
        })
    }

    fn change(&self, id: SessionId, change: OrderChange) -> Answer<'_, OrderReport> {
        answer!(async move {
            let (Change::Done(order) | Change::OnItsWay(order)) = self.change_order(&id, change).await?;
            Ok(order)
        })
    }

    fn explain(&self, id: SessionId, order: OrderId) -> Answer<'_, OrderExplanation> {
        answer!(self.explain_order(&id, order))
    }

    fn data_quality(&self, id: SessionId) -> Answer<'_, SessionDataQuality> {
        answer!(Self::data_quality(self, &id))
    }

    fn untainted_metrics(&self, id: SessionId) -> Answer<'_, Metrics> {
        answer!(Self::untainted_metrics(self, &id))
    }

    fn delete(&self, id: SessionId) -> Answer<'_, ()> {
        answer!(self.delete_session(&id))
    }

    fn strategies(&self) -> Answer<'_, Vec<StrategyCard>> {
        answer!(self.strategies())
    }

    fn strategy(&self, slug: String) -> Answer<'_, StrategyDetail> {
        answer!(Self::strategy(self, &slug))
    }

    fn validate(&self, yaml: String) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let problems = Self::validate(self, &yaml).err().unwrap_or_default();
            Ok(problems.iter().map(ToString::to_string).collect())
        })
    }

    fn outline(&self, yaml: String) -> Answer<'_, Outline> {
        Box::pin(async move { Ok(outline::outline_with(&yaml, &|text| self.validate(text))) })
    }

    fn edit_outline(&self, yaml: String, edit: Edit) -> Answer<'_, EditOutcome> {
        Box::pin(async move {
            Ok(
                match outline::edit_with(&yaml, &edit, &|text| self.validate(text)) {
                    Ok(edited) => EditOutcome::Made(Box::new(edited)),
                    Err(refusal) => EditOutcome::Refused(refusal.message),
                },
            )
        })
    }

    fn words(&self) -> Answer<'_, Vec<Word>> {
        Box::pin(async { Ok(outline::words()) })
    }

    fn save_strategy(
        &self,
        slug: String,
        yaml: String,
        version: Option<String>,
    ) -> Answer<'_, StrategyDetail> {
        answer!(async move {
            let base = version.map_or(Base::Nothing, Base::Version);
            Ok(self.save_strategy(&slug, &yaml, base).await?.0)
        })
    }

    fn versions(&self, slug: String) -> Answer<'_, Vec<StrategyVersion>> {
        answer!(async move { self.strategy_versions(&slug) })
    }

    fn version(&self, slug: String, version: String) -> Answer<'_, VersionDetail> {
        answer!(async move { self.strategy_version(&slug, &version) })
    }

    fn delete_strategy(&self, slug: String, version: String) -> Answer<'_, ()> {
        answer!(async move { self.delete_strategy(&slug, &Base::Version(version)) })
    }

    fn preview(&self, request: BacktestRequest) -> Answer<'_, BacktestStatus> {
        answer!(self.preview(request))
    }

    fn start_backtest(&self, request: BacktestRequest) -> Answer<'_, BacktestStatus> {
        answer!(self.start_backtest(request))
    }

    fn backtest(&self, id: BacktestId) -> Answer<'_, BacktestStatus> {
        answer!(Self::backtest(self, &id))
    }

    fn cancel_backtest(&self, id: BacktestId) -> Answer<'_, ()> {
        answer!(Self::cancel_backtest(self, &id))
    }

    fn studies(&self, slug: String) -> Answer<'_, Vec<StudySummary>> {
        Box::pin(async move { Ok(Self::studies(self, Some(&slug))) })
    }

    fn start_study(&self, request: StudyRequest) -> Answer<'_, StudyStatus> {
        answer!(Self::start_study(self, request))
    }

    fn study(&self, id: StudyId) -> Answer<'_, StudyStatus> {
        answer!(async move { Self::study(self, &id) })
    }

    fn cancel_study(&self, id: StudyId) -> Answer<'_, ()> {
        answer!(async move { Self::cancel_study(self, &id) })
    }

    fn datasets(&self) -> Answer<'_, Vec<DatasetInfo>> {
        answer!(self.datasets())
    }

    fn feeds_now(&self) -> Answer<'_, FeedsNow> {
        answer!(self.feeds_now())
    }
}
