//! The steps of prices and sizes that a capture shows.

use super::table::Table;
use super::{CaptureError, CaptureFile, CaptureFiles};
use rust_decimal::Decimal;

/// The finest decimal places that a capture's prices and sizes use, as steps.
///
/// A venue's own tick may be a multiple of it (a tick of 0.25 shows as 0.01); every price and size of the capture lies
/// on these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureSteps {
    /// Of prices, in quote currency.
    pub tick: Decimal,
    /// Of sizes, in units of the instrument.
    pub lot: Decimal,
}

/// Decimal places of prices and of sizes.
#[derive(Clone, Copy, Debug, Default)]
struct Digits {
    price: u32,
    size: u32,
}

impl CaptureSteps {
    /// Reads the files through.
    ///
    /// # Errors
    /// [`CaptureError`] when a header lacks a column, or a price or size is no number.
    pub fn of(files: &CaptureFiles<'_>) -> Result<Self, CaptureError> {
        let mut digits = Digits::default();
        for file in [files.trades, files.depth, files.snapshot] {
            digits.see(file, ["received_us", "price", "quantity"])?;
        }
        for (price, size) in [("bid_price", "bid_qty"), ("ask_price", "ask_qty")] {
            digits.see(files.quotes, ["received_us", price, size])?;
        }
        Ok(Self {
            tick: Decimal::new(1, digits.price),
            lot: Decimal::new(1, digits.size),
        })
    }
}

impl Digits {
    fn see(&mut self, file: CaptureFile<'_>, columns: [&'static str; 3]) -> Result<(), CaptureError> {
        let mut table = Table::open(file, columns)?;
        while let Some(row) = table.row()? {
            let read = |column| {
                row.digits(column)
                    .map_err(|problem| table.error(row.line, problem))
            };
            self.price = self.price.max(read(1)?);
            self.size = self.size.max(read(2)?);
        }
        Ok(())
    }
}
