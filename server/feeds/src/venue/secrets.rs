//! A feed's keys, and what its venue says without them: venues repeat what they were told, whole or cut off.

use super::{Secret, Told, VenueConfig};
use std::sync::Arc;

/// The keys of a feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Arc<[Secret]>);

/// What stands for a key.
const BLOT: &str = "(secret)";
/// A beginning of a key at the end of a text is one that was cut off when it is as long as this.
const LEAST_CUT: usize = 4;

impl Secrets {
    pub(crate) fn of(config: &VenueConfig) -> Self {
        let keys = [&config.key, &config.secret].into_iter().flatten();
        Self(keys.filter(|key| !key.reveal().is_empty()).cloned().collect())
    }

    /// A text without them. What is to be cut short is cut after this: a part of a key is not found.
    pub(crate) fn blot(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in self.0.iter().flat_map(forms) {
            text = text.replace(&form, BLOT);
            let cut = (LEAST_CUT..form.len())
                .rev()
                .filter_map(|length| form.get(..length))
                .find(|beginning| text.ends_with(beginning));
            if let Some(beginning) = cut {
                text.truncate(text.len() - beginning.len());
                text.push_str(BLOT);
            }
        }
        text
    }

    /// Whether any of them is in a frame.
    pub(crate) fn are_in(&self, frame: &[u8]) -> bool {
        let text = String::from_utf8_lossy(frame);
        !self.0.is_empty() && self.blot(&text) != text
    }

    /// Blots what a venue says in its own words.
    pub(crate) fn blot_told(&self, told: &mut Told) {
        if self.0.is_empty() {
            return;
        }
        let words = match told {
            Told::Lost { why, .. } | Told::KeptOff { why, .. } | Told::Renumbered { why, .. } => why,
            Told::Refused { error, .. } => match error.words_mut() {
                Some(words) => words,
                None => return,
            },
            _ => return,
        };
        *words = self.blot(words);
    }
}

/// How a key is written: as it is, and within a string of JSON, where a slash may be escaped or not.
fn forms(key: &Secret) -> [String; 3] {
    let plain = key.reveal().to_owned();
    let json = plain.replace('\\', "\\\\").replace('"', "\\\"");
    let slashed = json.replace('/', "\\/");
    [slashed, json, plain]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::{FeedError, Slot};

    fn secrets() -> Secrets {
        Secrets::of(&VenueConfig {
            key: Some(Secret::new("PK7QX2WV".to_owned())),
            secret: Some(Secret::new("a/b+c\"d\\e".to_owned())),
            ..VenueConfig::default()
        })
    }

    #[test]
    fn keys_are_blotted_whole_escaped_and_cut_off() {
        for (said, shown) in [
            (
                "key PK7QX2WV is unknown, PK7QX2WV",
                "key (secret) is unknown, (secret)",
            ),
            (r#"{"secret":"a/b+c\"d\\e"}"#, r#"{"secret":"(secret)"}"#),
            (r#"{"secret":"a\/b+c\"d\\e"}"#, r#"{"secret":"(secret)"}"#),
            (r#"bare a/b+c"d\e"#, "bare (secret)"),
            ("bye PK7QX", "bye (secret)"),
            // Three characters may be anything.
            ("bye PK7", "bye PK7"),
            ("PK7QX3 is another", "PK7QX3 is another"),
            ("", ""),
        ] {
            assert_eq!(secrets().blot(said), shown);
            assert_eq!(secrets().are_in(said.as_bytes()), said != shown, "{said}");
        }
        assert!(secrets().are_in(b"\x82\xa6action\xa4auth\xa3key\xa8PK7QX2WV\xff"));
    }

    #[test]
    fn without_keys_nothing_is_blotted() {
        let none = Secrets::of(&VenueConfig {
            key: Some(Secret::new(String::new())),
            ..VenueConfig::default()
        });
        assert_eq!(none.blot("as it is"), "as it is");
        assert!(!none.are_in(b"as it is \xff"));
    }

    #[test]
    fn what_is_told_in_the_venues_words_has_none() {
        let why = || "it is PK7QX2WV".to_owned();
        let (venue, slot) = (|| "venue".to_owned(), None);
        let errors = [
            FeedError::Refused {
                venue: venue(),
                detail: why(),
            },
            FeedError::Unauthorized {
                venue: venue(),
                detail: why(),
            },
            FeedError::Trouble {
                venue: venue(),
                said: why(),
            },
            FeedError::UnknownSymbol {
                venue: venue(),
                symbol: why(),
                near: None,
            },
            FeedError::Unsupported {
                venue: venue(),
                what: why(),
            },
            FeedError::Unreachable {
                venue: venue(),
                host: venue(),
                detail: why(),
            },
            FeedError::NotTheVenue {
                venue: venue(),
                host: venue(),
                detail: why(),
            },
        ];
        let refused = errors.map(|error| Told::Refused { slot, error });
        let others = [
            Told::Lost { slot, why: why() },
            Told::KeptOff { slot, why: why() },
            Told::Renumbered {
                slot: Slot(1),
                why: why(),
            },
        ];
        for mut told in refused.into_iter().chain(others) {
            secrets().blot_told(&mut told);
            let shown = format!("{told:?}");
            assert!(
                shown.contains("it is (secret)") && !shown.contains("PK7"),
                "{shown}"
            );
        }
    }
}
