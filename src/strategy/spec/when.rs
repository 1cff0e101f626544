//! When rules may act: `when`.

use super::reader::{Reader, Section, short};
use super::shape;
use crate::market::TimeZone;
use crate::model::Timestamp;
use crate::strategy::problem::hint;
use crate::strategy::time_filter::{DAY, SessionFilter, TimeFilter};
use crate::strategy::yaml::{Content, Node};

/// Days of the week as they are written.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Phases of the market as they are written.
pub(super) const SESSIONS: [(&str, SessionFilter); 3] = [
    ("any", SessionFilter::Any),
    ("regular", SessionFilter::Regular),
    ("extended", SessionFilter::Extended),
];

/// Most stretches of hours.
const MAXIMUM_HOURS: usize = 16;

impl Reader {
    pub(super) fn when(&mut self, node: &Node, path: &str) -> Option<TimeFilter> {
        let section = self.section(node, path, &shape::WHEN)?;
        let zone = self.zone(&section);
        let mut days = 0;
        for (node, path) in items(&section, "days") {
            days |= self.days(node, &path).unwrap_or(0);
        }
        let mut hours = Vec::new();
        for (node, path) in items(&section, "hours") {
            hours.extend(self.hours(node, &path));
        }
        if hours.len() > MAXIMUM_HOURS {
            let message = format!("more than {MAXIMUM_HOURS} stretches of hours");
            self.problem(section.position, &section.path("hours"), message);
        }
        let (from, to) = (
            self.moment(&section, "from", zone),
            self.moment(&section, "to", zone),
        );
        if let (Some(from), Some(to), Some(node)) = (from, to, section.get("to"))
            && from >= to
        {
            let message = "this is not after 'from': the rule could never act";
            self.problem(node.position, &section.path("to"), message);
        }
        let session = self.choice(&section, "session", &SESSIONS, SessionFilter::Any)?;
        Some(TimeFilter {
            days,
            hours,
            zone,
            from,
            to,
            session,
        })
    }

    fn zone(&mut self, section: &Section<'_>) -> TimeZone {
        let Some(node) = section.get("timezone") else {
            return TimeZone::Utc;
        };
        let path = section.path("timezone");
        let Some(name) = self.text(node, &path) else {
            return TimeZone::Utc;
        };
        name.parse().unwrap_or_else(|error| {
            let names: Vec<&str> = TimeZone::ALL.iter().map(|zone| zone.as_str()).collect();
            let hint = match hint(&name, names.iter().copied()) {
                none if none.is_empty() => format!("; known are {}", names.join(", ")),
                hint => hint,
            };
            self.problem(node.position, &path, format!("{error}{hint}"));
            TimeZone::Utc
        })
    }

    /// `mon`, or `mon..fri`: as bits.
    fn days(&mut self, node: &Node, path: &str) -> Option<u8> {
        let text = self.text(node, path)?;
        let (first, last) = text.split_once("..").unwrap_or((&text, &text));
        let mut day = |name: &str| {
            let name = name.trim();
            let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
            if found.is_none() {
                let hint = hint(name, DAYS);
                let message = format!(
                    "'{}' is not a day: write {}, or a range such as mon..fri{hint}",
                    short(name),
                    DAYS.join(", ")
                );
                self.problem(node.position, path, message);
            }
            found
        };
        let first_day = day(first);
        let last_day = if first == last { first_day } else { day(last) };
        let (first, last) = (first_day?, last_day?);
        // A range may go over the end of the week.
        let length = (last + 7 - first) % 7;
        Some((0..=length).fold(0, |bits, step| bits | 1 << ((first + step) % 7)))
    }

    /// `09:30-16:00`, in minutes from midnight.
    fn hours(&mut self, node: &Node, path: &str) -> Option<(u16, u16)> {
        let text = self.text(node, path)?;
        let stretch = text.split_once('-').and_then(|(from, to)| {
            let (from, to) = (clock(from)?, clock(to)?);
            (from != to && from < DAY).then_some((from, to))
        });
        if stretch.is_none() {
            let message = format!(
                "'{}' is not a stretch of hours: write one such as 09:30-16:00 or 22:00-02:00",
                short(&text)
            );
            self.problem(node.position, path, message);
        }
        stretch
    }

    /// A date or a time; without a zone of its own, on the filter's clocks.
    fn moment(&mut self, section: &Section<'_>, key: &str, zone: TimeZone) -> Option<Timestamp> {
        let node = section.get(key)?;
        let path = section.path(key);
        let text = self.text(node, &path)?;
        // A bare number is no date, though elsewhere it would be an epoch.
        let parsed = Timestamp::parse(&text).ok().filter(|_| text.contains('-'));
        let Some(time) = parsed else {
            let message = format!(
                "'{}' is not a date: write one such as 2024-01-31 or 2024-01-31T09:30:00Z",
                short(&text)
            );
            self.problem(node.position, &path, message);
            return None;
        };
        let says_its_zone =
            text.ends_with(['Z', 'z']) || text.get(11..).is_some_and(|it| it.contains(['+', '-']));
        if says_its_zone {
            return Some(time);
        }
        // Read as UTC, it is ahead by what the zone's clocks are, which near a change of them is known at the result only.
        let on_clocks = |at: Timestamp| time.plus_nanos(-zone.offset(at) * 1_000_000_000);
        Some(on_clocks(on_clocks(time)))
    }
}

/// The values under a key: one, or those of a list.
fn items<'a>(section: &Section<'a>, key: &str) -> Vec<(&'a Node, String)> {
    let path = section.path(key);
    match section.get(key) {
        None => Vec::new(),
        Some(node) => match &node.content {
            Content::Sequence(nodes) => nodes
                .iter()
                .enumerate()
                .map(|(index, node)| (node, format!("{path}.{index}")))
                .collect(),
            _ => vec![(node, path)],
        },
    }
}

/// `9:30` as minutes from midnight; `24:00` is the end of the day.
fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    if !is_number(hour) || minute.len() != 2 || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= DAY).then_some(minutes)
}
