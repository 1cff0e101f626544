//! Commands, states, protections and alerts.

use super::requests::Change;
use super::{Command, Engine, EventKind, Halt, RefusalMemory, SCRIPT_FAILED, SessionState, Sink};
use crate::alert::{Alert, AlertKind, Finding, Severity};
use crate::model::{AlertId, InstrumentId, Timestamp};
use crate::order::{CancelReason, OrderPurpose};
use crate::risk::Breach;
use std::borrow::Cow;

impl Engine {
    pub(super) fn on_command<S: Sink>(&mut self, time: Timestamp, command: &Command, sink: &mut S) {
        use SessionState as State;
        self.meet_waiting(sink);
        if matches!(command, Command::Start | Command::Stop | Command::Finish) {
            // Nothing more comes of the present moment.
            self.complete(sink);
        }
        if self.market_time.is_none_or(|last| last < time) {
            self.market_time = Some(time);
        }
        let time = self.market_time.unwrap_or(time);
        match (command, self.state) {
            (Command::Start, State::Starting) => {
                self.metrics.start(time);
                self.change_state(State::Running, "started", time, sink);
            }
            (Command::Pause, State::Running) => {
                self.cancel_entries(CancelReason::Requested, time, sink);
                self.change_state(State::Paused, "paused: no new entries", time, sink);
            }
            (Command::Resume, State::Paused) => self.change_state(State::Running, "resumed", time, sink),
            (Command::Flatten, State::Running | State::Paused | State::Halted) => {
                self.flatten("flatten", time, sink)
            }
            (Command::Stop, State::Starting | State::Running | State::Paused | State::Halted) => {
                self.pay_for_deliveries(time, sink);
                self.cancel_all(CancelReason::SessionStopped, time, sink);
                self.change_state(State::Stopped, "stopped on request", time, sink);
                self.refuse_all_requests(time, sink);
            }
            (Command::Finish, State::Starting | State::Running | State::Paused | State::Halted) => {
                // What ends at this very moment has its last price.
                self.keep_appointments(time.plus_nanos(1), sink);
                self.cancel_all(CancelReason::SessionStopped, time, sink);
                self.change_state(State::Finished, "the data is at its end", time, sink);
                self.refuse_all_requests(time, sink);
                let message = "The data is at its end: the session is finished.".to_owned();
                self.alert(Severity::Info, AlertKind::System, "finished", message, time, sink);
            }
            (Command::Place(list), _) => self.place_list(list, time, sink),
            (Command::PlaceCombo(request), _) => self.place_combo(request, time, sink),
            (Command::Exercise(request), _) => self.exercise(request, time, sink),
            (Command::Cancel(id), _) => self.request(Change::Cancel(*id), time, sink),
            (Command::Amend(amendment), _) => self.request(Change::Amend(*amendment), time, sink),
            (Command::CancelAll(only), _) => self.cancel_requested(*only, time, sink),
            // A command that changes nothing in this state: a second pause, a stop after the end.
            _ => {}
        }
    }

    fn change_state<S: Sink>(
        &mut self,
        to: SessionState,
        reason: impl Into<Cow<'static, str>>,
        time: Timestamp,
        sink: &mut S,
    ) {
        let from = std::mem::replace(&mut self.state, to);
        self.state_reason = reason.into();
        self.emit(
            time,
            EventKind::StateChanged {
                from,
                to,
                reason: self.state_reason.to_string(),
            },
            sink,
        );
    }

    /// A limit of the account is broken.
    #[cold]
    pub(super) fn on_breach<S: Sink>(&mut self, breach: Breach, time: Timestamp, sink: &mut S) {
        if self.state == SessionState::Halted && breach.is_over() {
            return;
        }
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        match breach {
            Breach::MaxDailyLoss { loss } => {
                let message = format!(
                    "Equity fell {} today: the position is closed and no entry is placed before the next UTC day.",
                    percent(loss)
                );
                self.flatten("maximum daily loss", time, sink);
                self.alert(
                    Severity::Warning,
                    AlertKind::Performance,
                    "max_daily_loss",
                    message,
                    time,
                    sink,
                );
            }
            Breach::MaxDrawdown { drawdown } => {
                let reason = format!(
                    "maximum drawdown: equity fell {} from its peak",
                    percent(drawdown)
                );
                self.halt(
                    ("max_drawdown", AlertKind::Performance),
                    "maximum drawdown",
                    reason,
                    time,
                    sink,
                );
            }
            Breach::Ruin => {
                self.halt(
                    ("ruin", AlertKind::Performance),
                    "ruin",
                    "the account is worth nothing any more".to_owned(),
                    time,
                    sink,
                );
            }
        }
    }

    /// The strategy's script was stopped: nobody looks after the position any more.
    #[cold]
    pub(super) fn stop_script<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        if let Some(failure) = self.desk(at).program.failure() {
            let reason = format!("the script failed on {}: {failure}", self.instrument(at).symbol());
            self.halt(
                (SCRIPT_FAILED, AlertKind::Error),
                "script failed",
                reason,
                time,
                sink,
            );
        }
    }

    fn halt<S: Sink>(
        &mut self,
        (code, kind): (&'static str, AlertKind),
        order_reason: &'static str,
        reason: String,
        time: Timestamp,
        sink: &mut S,
    ) {
        if self.state == SessionState::Halted {
            return;
        }
        self.flatten(order_reason, time, sink);
        self.setbacks.halt = Some(Halt {
            time,
            code: code.into(),
            because: reason.clone(),
            bars_before: self.metrics.bars(),
            bars_after: 0,
        });
        let message = format!("Trading is halted, {reason}.");
        self.change_state(SessionState::Halted, reason, time, sink);
        self.alert(Severity::Critical, kind, code, message, time, sink);
    }

    /// Withdraws all orders and closes all positions at the market.
    fn flatten<S: Sink>(&mut self, reason: &'static str, time: Timestamp, sink: &mut S) {
        self.forget_purchases();
        self.cancel_all(CancelReason::Requested, time, sink);
        for at in self.places() {
            self.close_position(at, OrderPurpose::Flatten, Cow::Borrowed(reason), time, sink);
        }
    }

    pub(super) fn alert<S: Sink>(
        &mut self,
        severity: Severity,
        kind: AlertKind,
        code: &str,
        message: String,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.counters.alerts += 1;
        let alert = Alert {
            id: AlertId(self.counters.alerts),
            time,
            severity,
            kind,
            code: code.to_owned(),
            message,
        };
        self.emit(time, EventKind::AlertRaised { alert }, sink);
    }

    #[cold]
    pub(super) fn alert_finding<S: Sink>(&mut self, finding: Finding, time: Timestamp, sink: &mut S) {
        let Finding {
            severity,
            kind,
            code,
            message,
        } = finding;
        self.alert(severity, kind, code, message, time, sink);
    }

    /// Raises an alert for a refused order, once until an order fills.
    pub(super) fn alert_refusal<S: Sink>(
        &mut self,
        memory: RefusalMemory,
        code: &str,
        message: String,
        time: Timestamp,
        sink: &mut S,
    ) {
        if self.counters.refused != memory {
            self.counters.refused = memory;
            self.alert(Severity::Warning, AlertKind::Error, code, message, time, sink);
        }
    }
}
