//! The fee schedules of venues and brokers, as data: each says where it is from and of when it is.

use super::FeeSchedule;
use crate::model::{json, spelling};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

const DATA: &str = include_str!("fee_presets.json");

/// The fees of a venue or broker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeePreset {
    /// What configurations call it.
    pub name: String,
    /// Whose fees, for what.
    pub title: String,
    /// Where the numbers are from.
    pub source: String,
    /// The day at which they held, as `2025-04-01`.
    pub as_of: String,
    /// How far they could be checked.
    pub checked: Checked,
    /// What is left out or simplified; may be empty.
    pub note: String,
    /// Share of the value of what is liquidated that the venue's insurance fund takes; `None` where there is none.
    #[serde(default, with = "crate::model::decimal::option")]
    pub liquidation_fee: Option<Decimal>,
    /// The fees.
    pub schedule: FeeSchedule,
}

/// How far the numbers of a preset could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// Against the venue's or broker's own document.
    Venue,
    /// Against copies of it by others.
    Copy,
}

impl FeePreset {
    /// All there are, in the order of the data.
    #[must_use]
    pub fn all() -> Vec<Self> {
        json::read(DATA).unwrap_or_else(|error| unreachable!("the embedded presets are tested: {error}"))
    }
}

/// The name of a preset that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeePresetName(String);

impl FeePresetName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The preset of this name.
    #[must_use]
    pub fn preset(&self) -> FeePreset {
        let named = FeePreset::all().into_iter().find(|preset| preset.name == self.0);
        named.unwrap_or_else(|| unreachable!("the name '{}' was looked up when it was made", self.0))
    }
}

impl TryFrom<String> for FeePresetName {
    type Error = UnknownFeePreset;

    fn try_from(name: String) -> Result<Self, UnknownFeePreset> {
        let presets = FeePreset::all();
        if presets.iter().any(|preset| preset.name == name) {
            Ok(Self(name))
        } else {
            let names = presets.iter().map(|preset| preset.name.as_str());
            Err(UnknownFeePreset(spelling::unknown("fee preset", &name, names)))
        }
    }
}

impl std::str::FromStr for FeePresetName {
    type Err = UnknownFeePreset;

    fn from_str(name: &str) -> Result<Self, UnknownFeePreset> {
        name.to_owned().try_into()
    }
}

impl From<FeePresetName> for String {
    fn from(name: FeePresetName) -> Self {
        name.0
    }
}

impl fmt::Display for FeePresetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// There is no preset of a name; lists those that there are, the nearest first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownFeePreset(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::models::FeeScheduleError;

    /// Reads presets and checks them, as nobody need do once they are embedded.
    fn parse(text: &str) -> Result<Vec<FeePreset>, FeePresetError> {
        let presets: Vec<FeePreset> =
            json::read(text).map_err(|error| FeePresetError::Unreadable(error.to_string()))?;
        for (index, preset) in presets.iter().enumerate() {
            let name = &preset.name;
            if name.is_empty() || presets[..index].iter().any(|other| other.name == *name) {
                return Err(FeePresetError::Name(name.clone()));
            }
            if chrono::NaiveDate::parse_from_str(&preset.as_of, "%Y-%m-%d").is_err() {
                return Err(FeePresetError::Date {
                    name: name.clone(),
                    date: preset.as_of.clone(),
                });
            }
            preset
                .schedule
                .check()
                .map_err(|error| FeePresetError::Schedule {
                    name: name.clone(),
                    error,
                })?;
        }
        Ok(presets)
    }

    /// Why a file of presets is wrong.
    #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
    enum FeePresetError {
        #[error("it cannot be read: {0}")]
        Unreadable(String),
        #[error("the name '{0}' is empty or used twice")]
        Name(String),
        #[error("{name}: '{date}' is no date")]
        Date { name: String, date: String },
        #[error("{name}: {error}")]
        Schedule { name: String, error: FeeScheduleError },
    }

    #[test]
    fn every_embedded_preset_can_be_read_and_names_its_source() {
        let presets = parse(DATA).expect("the embedded presets");
        assert!(presets.len() >= 10);
        for preset in presets {
            assert!(
                !preset.title.is_empty() && !preset.source.is_empty(),
                "{}",
                preset.name
            );
            let name: FeePresetName = preset.name.parse().expect("its name is known");
            assert_eq!(name.preset(), preset);
        }
    }

    #[test]
    fn what_is_wrong_in_a_file_of_presets_is_named() {
        let file = |name: &str, date: &str, schedule: &str| {
            format!(
                r#"[{{"name": "{name}", "title": "t", "source": "s", "as_of": "{date}", "checked": "venue", "note": "",
                     "schedule": {schedule}}}]"#
            )
        };
        let fine = r#"{"percent": {"tiers": [{"from": 0, "maker": 0, "taker": 0}]}}"#;
        assert!(parse(&file("a", "2025-01-01", fine)).is_ok());
        let error = |text: &str| parse(text).expect_err("a mistake").to_string();
        assert_eq!(
            error(&file("", "2025-01-01", fine)),
            "the name '' is empty or used twice"
        );
        assert_eq!(error(&file("a", "spring", fine)), "a: 'spring' is no date");
        let without = r#"{"percent": {"tiers": []}}"#;
        assert_eq!(
            error(&file("a", "2025-01-01", without)),
            "a: the tiers do not begin at a volume of 0 and rise"
        );
        let unknown = r#"{"percent": {"tiers": [], "tears": []}}"#;
        assert!(
            error(&file("a", "2025-01-01", unknown)).starts_with("it cannot be read: unknown field `tears`")
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "binnance".parse::<FeePresetName>().expect_err("no such name");
        assert!(
            error
                .to_string()
                .starts_with("there is no fee preset 'binnance'; there are binance, binance_us, "),
            "{error}"
        );
    }
}
