//! What a venue tells now and then: halts, corrections, losses, signs of life.

use super::{Heard, Source, Want, begin, count, end};
use crate::quality::IncidentKind;
use crate::venue::Told;
use papertape::model::Timestamp;

impl Source {
    #[cold]
    pub(super) fn rarely_told(
        &mut self,
        told: &Told,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        match told {
            Told::Status { time, status, .. } => {
                self.speaks(received, heard, wants);
                if self.halts.streamed != *status {
                    self.halts.streamed = *status;
                    // Whatever its time, that it is halted is so.
                    let time = self.sane_time(*time, received).map(|()| *time);
                    let time = time.unwrap_or_else(|why| {
                        self.kept_off(why, received, heard);
                        self.venue_time(received)
                    });
                    self.tell_halts(time, heard);
                }
            }
            Told::Correction { id, instead, .. } => {
                self.speaks(received, heard, wants);
                let detail = instead.map_or_else(
                    || format!("trade {id} did not happen"),
                    |trade| format!("trade {id} was {} at {}", trade.size, trade.price),
                );
                // Since it was made whoever heard of it was wrong.
                let made = self.trades.made_at(*id, received);
                let time = made.or(instead.map(|trade| trade.time));
                let time = time.map_or(received, |time| time.min(received));
                heard.push(count(
                    IncidentKind::Correction,
                    "correction",
                    time,
                    received,
                    1,
                    detail,
                ));
            }
            Told::OneSided { .. } => {
                self.speaks(received, heard, wants);
                self.has_one_side(received);
            }
            Told::Lost { why, .. } => self.lost(why, received, heard, wants),
            Told::RelayedIncident {
                number,
                key,
                incident,
                ..
            } => {
                self.speaks(received, heard, wants);
                self.relayed_incident(*number, *key, incident.as_deref(), received, heard);
            }
            Told::Renumbered { why, .. } => self.renumbered(why, heard),
            Told::KeptOff { why, .. } => {
                self.kept_off(why.clone(), received, heard);
            }
            Told::BarLost { open_time, .. } => self.bar_lost(*open_time, received, heard),
            Told::TradeLost { .. } => self.suspect(received, heard),
            Told::Subscribed { .. } => {
                if self.refused.take().is_some() {
                    heard.push(end(IncidentKind::Gap, "refused", received, 0, None));
                }
                self.is_changed = true;
                self.resubscribed(received, heard, wants);
            }
            Told::Refused { error, .. } => {
                heard.push(begin(IncidentKind::Gap, "refused", received, error.to_string()));
                (self.refused, self.is_changed) = (Some(error.clone()), true);
            }
            Told::Time(time) => match self.sane_time(*time, received) {
                Ok(()) => self.observe(*time, received),
                Err(why) => self.kept_off(why, received, heard),
            },
            // Signs of life: `last_flow` has them.
            _ => {}
        }
    }
}
