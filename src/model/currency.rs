//! Currency codes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

const CAPACITY: usize = 10;

/// The code of a currency or coin: one to ten upper-case ASCII letters or digits, such as `USD` or `USDT`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; CAPACITY],
}

impl Currency {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.code.iter().position(|byte| *byte == 0).unwrap_or(CAPACITY);
        std::str::from_utf8(&self.code[..length]).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let valid = (1..=CAPACITY).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !valid {
            return Err(CurrencyError(text.chars().take(20).collect()));
        }
        let mut code = [0; CAPACITY];
        code[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { code })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The text is not a currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a currency code: write one to ten upper-case letters or digits, such as USD or USDT")]
pub struct CurrencyError(String);
