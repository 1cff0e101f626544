//! What holds of an account for every sequence of fills, marks, flows, splits and settlements over instruments of every kind.
//!
//! The reference knows nothing of costs, margins or realised gains: it counts units, and money spent and received, and values
//! what is left at the marks. Amounts are rounded at twelve digits, by at most 5·10⁻¹³ each; fewer than a thousand
//! roundings stay below 10⁻⁹. Fractions of shares are rounded at twelve digits, too, by the reference as well.

use papertape::ledger::LedgerAccount;
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, MarginRule, Money, OptionRight,
    OptionSettlement, OptionTerms, OrderId, Price, Quantity, Side, Timestamp,
};
use papertape::portfolio::{Account, AccountConfig, Claim, Delivery, MarginMode};
use papertape::testkit::{decimal, fill};
use proptest::collection::vec;
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::BTreeMap;

// Places in [`instruments`]; 2 is a future, 4 a currency pair.
const SPOT: usize = 0;
const SHARES: usize = 1;
const PERPETUAL: usize = 3;
const CALL: usize = 5;
const COUNT: usize = 6;

fn instruments() -> Vec<Instrument> {
    let plain = |symbol: &str, lot: &str, multiplier: &str| {
        let symbol = symbol.parse().expect("a symbol");
        let tick = decimal("0.01");
        Instrument::new(symbol, tick, decimal(lot), Decimal::ZERO, decimal(multiplier))
            .expect("an instrument")
    };
    let rate = |initial: &str, maintenance: &str| MarginRule::Rate {
        initial: decimal(initial),
        maintenance: decimal(maintenance),
    };
    let expiry = Timestamp::from_secs(100_000_000);
    let terms = OptionTerms {
        underlying: "AAPL".parse().expect("a symbol"),
        strike: Price(decimal("100")),
        right: OptionRight::Call,
        expiry,
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Physical,
    };
    let per_contract = MarginRule::PerContract {
        initial: decimal("4510"),
        maintenance: decimal("4100"),
    };
    let with = |instrument: Instrument, kind, margin| {
        instrument.with_kind(kind).with_margin(margin).expect("margins")
    };
    vec![
        plain("BTC/USD", "0.001", "1"),
        with(
            plain("AAPL", "1", "1"),
            InstrumentKind::Equity,
            rate("0.5", "0.25"),
        ),
        with(
            plain("ESZ3", "1", "50"),
            InstrumentKind::Future { expiry },
            per_contract,
        ),
        with(
            plain("ETH/USD", "0.001", "1"),
            InstrumentKind::Perpetual,
            rate("0.01", "0.005"),
        ),
        with(
            plain("EUR/USD", "1000", "1"),
            InstrumentKind::Forex,
            rate("0.02", "0.01"),
        ),
        with(
            plain("AAPL1", "1", "100"),
            InstrumentKind::Option(terms),
            rate("0.2", "0.2"),
        ),
    ]
}

/// Something that happens to an account. Places, sides and sizes are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fill {
        place: usize,
        buy: bool,
        lots: i64,
        cents: i64,
        fee: i64,
    },
    Mark {
        place: usize,
        cents: i64,
    },
    Order {
        id: u64,
        hold: i64,
    },
    Fund {
        rate: i64,
        cents: i64,
    },
    Dividend {
        cents: i64,
    },
    Split {
        ratio: usize,
    },
    Settle {
        place: usize,
        cents: i64,
    },
    Deliver {
        buy: bool,
        shares: i64,
        cents: i64,
    },
    Days {
        days: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let cents = || 50..20_000_i64;
    prop_oneof![
        8 => (0..COUNT, any::<bool>(), 1..400_i64, cents(), -500..2_000_i64)
            .prop_map(|(place, buy, lots, cents, fee)| Step::Fill { place, buy, lots, cents, fee }),
        4 => (0..COUNT, cents()).prop_map(|(place, cents)| Step::Mark { place, cents }),
        2 => (1..4_u64, 0..500_000_i64).prop_map(|(id, hold)| Step::Order { id, hold }),
        2 => (-50_000..50_000_i64, cents()).prop_map(|(rate, cents)| Step::Fund { rate, cents }),
        1 => (1..300_i64).prop_map(|cents| Step::Dividend { cents }),
        2 => (0..RATIOS.len()).prop_map(|ratio| Step::Split { ratio }),
        1 => (0..COUNT, cents()).prop_map(|(place, cents)| Step::Settle { place, cents }),
        1 => (any::<bool>(), 1..300_i64, cents()).prop_map(|(buy, shares, cents)| Step::Deliver { buy, shares, cents }),
        1 => (1..5_i64).prop_map(|days| Step::Days { days }),
    ]
}

/// New shares for old ones.
const RATIOS: [(i64, i64); 7] = [(2, 1), (7, 1), (3, 2), (1, 2), (1, 3), (1, 8), (1, 40)];

fn cents(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

fn close(a: Decimal, b: Decimal) -> bool {
    (a - b).abs() < Decimal::new(1, 9)
}

/// The account and the reference beside it.
struct World {
    account: Account,
    instruments: Vec<Instrument>,
    /// Units, in lots.
    lots: [i64; COUNT],
    /// Money that came, less money that went, trades and flows together.
    money: Decimal,
    marks: [Decimal; COUNT],
    orders: BTreeMap<u64, Decimal>,
    now: Timestamp,
    fills: u64,
}

impl World {
    fn new(mode: MarginMode, leverage: Option<i64>) -> Self {
        let instruments = instruments();
        let config = AccountConfig {
            mode,
            leverage: leverage.map(Decimal::from),
            shares: papertape::portfolio::SharesOn::default(),
            borrow_rate: decimal("0.03"),
            debit_rate: decimal("0.06"),
            credit_rate: decimal("0.02"),
            funding_rate: Decimal::ZERO,
        };
        let capital = Money::new(Decimal::from(100_000), "USD".parse().expect("a currency"));
        let mut account = Account::open(capital, &instruments, config);
        account.accrue(Timestamp::EPOCH);
        let marks = [Decimal::ONE_HUNDRED; COUNT];
        for (place, mark) in marks.into_iter().enumerate() {
            account.mark(id(place), Price(mark));
        }
        account.mark_underlying(id(CALL), Price(Decimal::ONE_HUNDRED));
        Self {
            account,
            instruments,
            lots: [0; COUNT],
            money: Decimal::from(100_000),
            marks,
            orders: BTreeMap::new(),
            now: Timestamp::EPOCH,
            fills: 0,
        }
    }

    fn units(&self, place: usize) -> Decimal {
        Decimal::from(self.lots[place]) * self.instruments[place].lot()
    }

    fn value(&self, place: usize, units: Decimal, price: Decimal) -> Decimal {
        units * price * self.instruments[place].multiplier()
    }

    fn equity(&self) -> Decimal {
        let held = (0..COUNT).map(|place| self.value(place, self.units(place), self.marks[place]));
        self.money + held.sum::<Decimal>()
    }

    /// Trades `lots` (signed) at a price, cut to what does not turn the position around.
    fn trade(&mut self, place: usize, lots: i64, price: Decimal, fee: Decimal) {
        let held = self.lots[place];
        let against = held.signum() * lots.signum() < 0;
        let lots = if against {
            lots.signum() * lots.abs().min(held.abs())
        } else {
            lots
        };
        let instrument = &self.instruments[place];
        let side = if lots > 0 { Side::Buy } else { Side::Sell };
        let quantity = Decimal::from(lots.abs()) * instrument.lot();
        self.fills += 1;
        let paid = Money::new(fee, instrument.quote());
        let fill = fill(
            instrument,
            self.fills,
            side,
            Quantity(quantity),
            Price(price),
            paid,
            self.now,
        );
        let effect = self
            .account
            .apply(id(place), instrument, &fill, Cow::Borrowed("step"));
        assert_eq!(effect.opened.is_some(), held == 0);
        assert_eq!(effect.closed.is_some(), held != 0 && held + lots == 0);
        self.money -= self.value(place, quantity * side.sign(), price) + fee;
        self.lots[place] += lots;
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Fill {
                place,
                buy,
                lots,
                cents: price,
                fee,
            } => {
                self.trade(place, if buy { lots } else { -lots }, cents(price), cents(fee));
            }
            Step::Mark { place, cents: price } => {
                self.account.mark(id(place), Price(cents(price)));
                self.marks[place] = cents(price);
            }
            Step::Order { id, hold } => {
                self.account.hold_for_order(OrderId(id), cents(hold));
                self.orders.insert(id, cents(hold));
            }
            Step::Fund { rate, cents: mark } => self.fund(Decimal::new(rate, 8), cents(mark)),
            Step::Dividend { cents: amount } => {
                let flow = self.account.dividend(id(SHARES), cents(amount), self.now);
                assert_eq!(flow.is_some(), self.lots[SHARES] != 0);
                self.money += self.units(SHARES) * cents(amount);
            }
            Step::Split { ratio } => self.split(RATIOS[ratio]),
            Step::Settle { place, cents: price } => self.settle(place, cents(price)),
            Step::Deliver {
                buy,
                shares,
                cents: price,
            } => {
                let side = if buy { Side::Buy } else { Side::Sell };
                let delivery = Delivery {
                    side,
                    quantity: Quantity(Decimal::from(shares)),
                    price: Price(cents(price)),
                    time: self.now,
                };
                self.account
                    .deliver(id(SHARES), &self.instruments[SHARES], &delivery, "step");
                let signed = if buy { shares } else { -shares };
                self.money -= Decimal::from(signed) * cents(price);
                self.lots[SHARES] += signed;
            }
            Step::Days { days } => {
                self.now = self.now.plus_nanos(days * 86_400_000_000_000);
                let flows = self.account.accrue(self.now);
                self.money += flows.iter().map(|flow| flow.amount.amount).sum::<Decimal>();
            }
        }
    }

    fn fund(&mut self, rate: Decimal, mark: Decimal) {
        let flow = self.account.fund(id(PERPETUAL), rate, Price(mark), self.now);
        assert_eq!(flow.is_some(), self.lots[PERPETUAL] != 0);
        self.marks[PERPETUAL] = mark;
        self.money -= self.value(PERPETUAL, self.units(PERPETUAL), mark) * rate;
    }

    fn split(&mut self, (new, old): (i64, i64)) {
        let ratio = Decimal::from(new) / Decimal::from(old);
        let effect = self.account.split(
            id(SHARES),
            &self.instruments[SHARES],
            ratio,
            self.now,
            Cow::Borrowed("split"),
        );
        let mark = self.marks[SHARES] * Decimal::from(old) / Decimal::from(new);
        self.marks[SHARES] = mark.round_dp(12);
        let before = self.lots[SHARES];
        assert_eq!(effect.is_some(), before != 0);
        self.lots[SHARES] = before * new / old;
        let left_over = (Decimal::from(before * new % old) / Decimal::from(old)).round_dp(12);
        self.money += left_over * self.marks[SHARES];
    }

    fn settle(&mut self, place: usize, price: Decimal) {
        let settlement = self.account.settle(
            id(place),
            &self.instruments[place],
            Price(price),
            self.now,
            Cow::Borrowed("settled"),
        );
        assert_eq!(settlement.is_some(), self.lots[place] != 0);
        assert!(settlement.is_none_or(|settlement| settlement.effect.closed.is_some()));
        self.marks[place] = price;
        self.money += self.value(place, self.units(place), price);
        self.lots[place] = 0;
    }

    fn check(&self) {
        let for_orders: Decimal = self.orders.values().sum();
        assert_eq!(self.account.ledger().check(), Ok(()));
        assert_eq!(self.account.check(for_orders), Ok(()));
        for place in 0..COUNT {
            assert_eq!(
                self.account.holding(id(place)).quantity(),
                self.units(place),
                "units of {place}"
            );
        }
        let equity = self.account.equity().amount;
        assert!(
            close(equity, self.equity()),
            "equity {equity}, by the reference {}",
            self.equity()
        );
        self.check_parts(equity);
        self.check_floats(equity);
        self.check_available(equity, for_orders);
    }

    /// Equity is capital, realised, unrealised and flows, less fees.
    fn check_parts(&self, equity: Decimal) {
        let balance = |account| self.account.ledger().balance(account).amount;
        let flows = [
            LedgerAccount::Funding,
            LedgerAccount::Dividends,
            LedgerAccount::BorrowFees,
            LedgerAccount::Interest,
        ];
        let unrealized: Decimal = (0..COUNT)
            .map(|place| self.account.unrealized(id(place)).amount)
            .sum();
        let parts = -balance(LedgerAccount::Capital) - balance(LedgerAccount::RealizedPnl) + unrealized
            - flows.into_iter().map(balance).sum::<Decimal>()
            - balance(LedgerAccount::Fees);
        assert!(close(equity, parts), "equity {equity}, by its parts {parts}");
    }

    fn check_floats(&self, equity: Decimal) {
        let float = |amount: Decimal| amount.to_string().parse::<f64>().expect("a number");
        let models = (0..COUNT).map(|place| self.account.value_model(id(place)).at(float(self.marks[place])));
        let mirrored = self.account.cash().to_f64() + models.sum::<f64>();
        let size: f64 = (0..COUNT)
            .map(|place| float(self.value(place, self.units(place), self.marks[place]).abs()))
            .sum();
        let tolerance = 1e-12 * (size + 1e6);
        assert!(
            (mirrored - float(equity)).abs() <= tolerance,
            "{mirrored} {equity}"
        );
    }

    fn has_paid_in_full(&self) -> bool {
        self.lots[SPOT] != 0 || self.lots[CALL] > 0
    }

    fn check_available(&self, equity: Decimal, for_orders: Decimal) {
        let available = self.account.available().amount;
        let covered = self.account.initial_margin().amount;
        if !self.has_paid_in_full() && self.account.config().mode == MarginMode::Cross {
            assert!(
                close(available, equity - covered - for_orders),
                "{available} of {equity}"
            );
        }
        let ours = self.account.liquidation(&self.instruments);
        if self.account.config().mode == MarginMode::Cross {
            let paid = [SPOT, CALL].map(|place| {
                self.value(place, self.units(place), self.marks[place])
                    .max(Decimal::ZERO)
            });
            let cover = equity - paid[0] - paid[1];
            let maintenance = self.account.maintenance_margin().amount;
            let margined = self.lots[SHARES..CALL].iter().any(|lots| *lots != 0) || self.lots[CALL] < 0;
            if !close(cover, maintenance) {
                assert_eq!(
                    ours.is_some(),
                    margined && cover < maintenance,
                    "{cover} {maintenance} {ours:?}"
                );
            }
        }
        if let Some(liquidation) = ours {
            let held = self.units(usize::from(liquidation.id.0));
            assert!(liquidation.quantity.0 > Decimal::ZERO && liquidation.quantity.0 <= held.abs());
            assert_eq!(liquidation.side == Side::Sell, held > Decimal::ZERO);
        }
    }

    /// The liquidation price of each position parts the prices that keep it from those that do not.
    fn check_liquidation_prices(&self) {
        for place in SHARES..CALL {
            let Some(price) = self.account.liquidation_price(id(place)) else {
                continue;
            };
            let step = price.0 / Decimal::from(1_000_000);
            let (worse, better) = if self.lots[place] > 0 {
                (price.0 - step, price.0 + step)
            } else {
                (price.0 + step, price.0 - step)
            };
            let at = |mark: Decimal| {
                let mut account = self.account.clone();
                account.mark(id(place), Price(mark));
                account.liquidation(&self.instruments)
            };
            assert!(at(worse).is_some(), "{place} is kept at {worse}, beyond {price}");
            if self.account.config().mode == MarginMode::Cross {
                assert_eq!(at(better), None, "{place} is closed at {better}, before {price}");
            }
        }
    }

    /// What the funds reach for fits, one lot more does not, and filling it leaves nothing negative.
    fn check_reach(&self, place: usize, side: Side, price: Decimal, rate: Decimal) {
        let instrument = &self.instruments[place];
        let held = self.lots[place];
        if held != 0 && (held > 0) != (side == Side::Buy) {
            return;
        }
        let claim = Claim {
            side,
            price: Price(price),
            wanted: Quantity(Decimal::from(1_000_000_000)),
            released: Money::zero(instrument.quote()),
            rate,
        };
        let cost = |quantity: Quantity| instrument.notional(Price(price), quantity) * rate;
        let reached = self.account.reach(id(place), instrument, &claim, cost);
        let needs = |quantity: Quantity| {
            let required = self
                .account
                .required(id(place), instrument, side, quantity, Price(price));
            (required + cost(quantity)).amount
        };
        let funds = self.account.funds(id(place), side).amount;
        assert!((reached.0 % instrument.lot()).is_zero());
        let more = Quantity(reached.0 + instrument.lot());
        assert!(
            needs(more) > funds,
            "{more} of {place} needs {} of {funds}",
            needs(more)
        );
        if reached == Quantity::ZERO {
            return;
        }
        assert!(
            needs(reached) <= funds,
            "{reached} of {place} needs {} of {funds}",
            needs(reached)
        );
        let mut account = self.account.clone();
        let fee = cost(reached);
        let fill = fill(instrument, 1_000_000, side, reached, Price(price), fee, self.now);
        account.apply(id(place), instrument, &fill, Cow::Borrowed("reach"));
        let left = account.available().amount;
        assert!(
            left > -Decimal::new(1, 9),
            "{reached} of {place} at {price} leaves {left}"
        );
    }
}

fn id(place: usize) -> InstrumentId {
    InstrumentId(u16::try_from(place).expect("a small number"))
}

fn mode() -> impl Strategy<Value = (MarginMode, Option<i64>)> {
    (
        prop_oneof![Just(MarginMode::Cross), Just(MarginMode::Isolated)],
        prop_oneof![Just(None), Just(Some(1)), Just(Some(3)), Just(Some(20))],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn books_positions_and_equity_agree_after_every_step((mode, leverage) in mode(), steps in vec(step(), 1..60)) {
        let mut world = World::new(mode, leverage);
        for step in steps {
            world.take(step);
            world.check();
        }
        world.check_liquidation_prices();
    }

    #[test]
    fn what_the_funds_reach_for_can_be_held(
        (mode, leverage) in mode(),
        steps in vec(step(), 0..12),
        (place, buy, price, rate) in (0..COUNT, any::<bool>(), 50..20_000_i64, 0..100_i64),
    ) {
        let mut world = World::new(mode, leverage);
        for step in steps {
            world.take(step);
        }
        let side = if buy { Side::Buy } else { Side::Sell };
        world.check_reach(place, side, cents(price), Decimal::new(rate, 4));
    }

    #[test]
    fn a_restored_account_goes_on_as_the_one_that_was_saved((mode, leverage) in mode(), steps in vec(step(), 1..30), cut in 0..30_usize) {
        let mut world = World::new(mode, leverage);
        let mut restored = None;
        for (place, step) in steps.iter().enumerate() {
            if place == cut {
                let bytes = postcard::to_stdvec(&world.account).expect("plain data");
                let account: Account = postcard::from_bytes(&bytes).expect("reads back");
                prop_assert_eq!(&account, &world.account);
                restored = Some(bytes);
            }
            world.take(*step);
        }
        if let Some(bytes) = restored {
            let mut again = World::new(mode, leverage);
            for step in &steps[..cut] {
                again.take(*step);
            }
            again.account = postcard::from_bytes(&bytes).expect("reads back");
            for step in &steps[cut..] {
                again.take(*step);
            }
            prop_assert_eq!(again.account, world.account);
        }
    }
}
