//! Accounts of persons and programs: an account is a session's, and one that nobody trades but its owner is a session without
//! rules.

use super::sessions::history_from;
use super::{ServiceError, Services, wall_clock};
use crate::host::HostError;
use crate::tape::TapeSpec;
use papertape::api::{AccountRequest, SessionAction, SessionSummary};
use papertape::model::{SessionId, Timeframe};
use papertape::strategy::Strategy;

impl Services {
    /// Opens an account without rules.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub async fn open_account(&self, request: AccountRequest) -> Result<SessionSummary, ServiceError> {
        self.start_session(request.into()).await
    }

    /// Begins an account anew, with its capital, its terms and its strategy as at first: it ends, with all that it has
    /// recorded, and another takes its place. A replay begins at its beginning again, a live feed now.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such account.
    pub async fn reset_account(&self, id: &SessionId) -> Result<SessionSummary, ServiceError> {
        let before = self.host.summary(id)?;
        let record = self
            .storage
            .session(id)
            .await?
            .ok_or_else(|| HostError::Unknown(id.clone()))?;
        let mut spec = record.spec;
        if let TapeSpec::Simulated {
            history_from: from,
            start,
            ..
        } = &mut spec.tape
        {
            let strategy = Strategy::compile(&spec.source, &spec.overrides, spec.timeframe)
                .map_err(ServiceError::Strategy)?;
            *start = Timeframe::MINUTE.floor(wall_clock()).max(self.worlds.live_from());
            *from = history_from(*start, self.worlds.origin(), &strategy);
        }
        let after = self.host.start(spec, before.speed, wall_clock()).await?;
        // It may have ended by itself meanwhile, which is as good.
        match self.act(id, SessionAction::Stop).await {
            Ok(_) | Err(ServiceError::Host(HostError::Ended(_))) => Ok(after),
            Err(error) => Err(error),
        }
    }
}
