//! What holds for every model and every preset.

use super::*;

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn any_slippage() -> impl Strategy<Value = SlippageModel> {
    prop_oneof![
        (0..500_i64).prop_map(|bps| SlippageModel::FixedBps {
            bps: Decimal::new(bps, 1)
        }),
        (0..500_i64).prop_map(|bps| SlippageModel::HalfSpread {
            bps: Decimal::new(bps, 1)
        }),
        (0.0..2.0, 0.0..=1.0).prop_map(|(price_impact, volume_limit)| SlippageModel::VolumeShare {
            price_impact,
            volume_limit
        }),
        (0.0..5.0, 0..100_i64).prop_map(|(multiple, bps)| SlippageModel::Volatility {
            multiple,
            fallback_bps: bps.into()
        }),
    ]
}

fn any_impact() -> impl Strategy<Value = ImpactModel> {
    prop_oneof![
        Just(ImpactModel::None),
        (0.0..5.0, 0..100_i64).prop_map(|(coefficient, bps)| ImpactModel::SquareRoot {
            coefficient,
            fallback_bps: bps.into()
        }),
    ]
}

/// Prices, many of them so low that a sale ends at the lowest there is.
fn any_ticks() -> impl Strategy<Value = i64> {
    prop_oneof![1..20_i64, 1..1_000_000_i64]
}

fn any_preset() -> impl Strategy<Value = FeePreset> {
    let presets = FeePreset::all();
    (0..presets.len()).prop_map(move |index| presets[index].clone())
}

/// Fills an order of shares in parts, each a quantity and a price in cents; gives what it filled, was worth and paid.
fn pay_in_parts(
    models: &Models,
    share: &Instrument,
    side: Side,
    parts: impl Iterator<Item = (i64, i64)>,
) -> (Decimal, Decimal, Decimal) {
    let (mut filled, mut value, mut fees) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for (quantity, cents) in parts {
        let (price, quantity) = (Price(Decimal::new(cents, 2)), quantity.into_quantity());
        let fee = models.fee(&FeeInputs {
            price,
            quantity,
            order_filled: Quantity(filled),
            order_value: value,
            order_fees: fees,
            ..fill(share, side, "1", "1", Liquidity::Taker)
        });
        assert!(fee.amount >= Decimal::ZERO);
        assert!(fee.amount <= models.worst_fee(share, price, quantity).amount);
        filled += quantity.0;
        value += price.0 * quantity.0;
        fees += fee.amount;
    }
    (filled, value, fees)
}

proptest! {
    /// On the same fill, optimistic is never worse than expected, and pessimistic never better.
    #[test]
    fn the_presets_stand_in_their_order(
        slippage in any_slippage(),
        impact in any_impact(),
        side in any_side(),
        ticks in any_ticks(),
        quantity in 1..100_000_i64,
        days in 0..12_i64,
        quoted in any::<bool>(),
    ) {
        let expected = ExecutionConfig { slippage, impact, ..ExecutionConfig::default() };
        let (share, conditions) = (share(), conditions(days, 1.01));
        let cost = |preset: FillPreset| {
            let slipped = Models::from(&preset.apply(&expected)).slip(&SlipInputs {
                instrument: &share,
                side,
                quantity: quantity.into_quantity(),
                price: Price(Decimal::new(ticks, 2)),
                half_spread: quoted.then_some(decimal("0.01")),
                conditions: &conditions,
                tier: DataTier::Bars,
                time: Timestamp::EPOCH,
            });
            (slipped.price.0 - Decimal::new(ticks, 2)) * side.sign()
        };
        prop_assert!(cost(FillPreset::Optimistic) <= cost(FillPreset::Expected));
        prop_assert!(cost(FillPreset::Expected) <= cost(FillPreset::Pessimistic));
    }

    /// The price is on a tick, positive, never better than the one that was met, and its parts add up.
    #[test]
    fn a_slipped_price_is_on_a_tick_and_never_better(
        slippage in any_slippage(),
        impact in any_impact(),
        side in any_side(),
        ticks in any_ticks(),
        quantity in 1..100_000_i64,
        days in 0..12_i64,
    ) {
        let config = ExecutionConfig { slippage, impact, ..ExecutionConfig::default() };
        let (share, conditions) = (share(), conditions(days, 0.9));
        let met = Price(Decimal::new(ticks, 2));
        let slipped = Models::from(&config).slip(&SlipInputs {
            instrument: &share,
            side,
            quantity: quantity.into_quantity(),
            price: met,
            half_spread: None,
            conditions: &conditions,
            tier: DataTier::Bars,
            time: Timestamp::EPOCH,
        });
        prop_assert!((slipped.price.0 % share.tick()).is_zero() && slipped.price.0 > Decimal::ZERO);
        prop_assert!(slipped.slippage >= Decimal::ZERO && slipped.impact >= Decimal::ZERO);
        prop_assert_eq!((slipped.price.0 - met.0) * side.sign(), slipped.slippage + slipped.impact);
    }

    /// An order that fills in parts pays what it would have paid at once, where fees are counted by the order.
    #[test]
    fn parts_of_an_order_pay_together_what_the_whole_pays(
        preset in any_preset(),
        side in any_side(),
        (price, parts) in prop_oneof![
            (1..100_i64, prop::collection::vec((1..10_000_i64, Just(0_i64)), 1..8)),
            (100..100_000_i64, prop::collection::vec((1..10_000_i64, 0..20_i64), 1..8)),
        ],
    ) {
        let (share, models) = (share(), models(Fees::Schedule(preset.schedule)));
        let parts = parts.iter().map(|(quantity, dearer)| (*quantity, price + dearer));
        let (quantity, value, fees) = pay_in_parts(&models, &share, side, parts);
        let whole = models.fee(&FeeInputs {
            price: Price(value / quantity),
            quantity: Quantity(quantity),
            ..fill(&share, side, "1", "1", Liquidity::Taker)
        });
        prop_assert!((whole.amount - fees).abs() <= decimal("0.000000001"), "{} and {}", whole, fees);
    }

    /// Whatever the parts cost, none pays more than what was held for it, and all together no more than the whole.
    #[test]
    fn no_part_pays_more_than_is_held_for_it(
        preset in any_preset(),
        side in any_side(),
        parts in prop::collection::vec((1..10_000_i64, 1..100_000_i64), 1..8),
    ) {
        let (share, models) = (share(), models(Fees::Schedule(preset.schedule)));
        let (quantity, value, fees) = pay_in_parts(&models, &share, side, parts.into_iter());
        let whole = models.worst_fee(&share, Price(value / quantity), Quantity(quantity));
        prop_assert!(fees <= whole.amount + decimal("0.000000001"), "{} and {}", whole, fees);
    }

    /// What models remember of account and market survives a snapshot.
    #[test]
    fn models_come_back_from_a_snapshot_as_they_were(
        preset in any_preset(),
        slippage in any_slippage(),
        impact in any_impact(),
        traded in prop::collection::vec((0..60_i64, 1..50_000_000_i64), 0..40),
        days in 0..12_i64,
    ) {
        let config = ExecutionConfig {
            fees: Fees::Schedule(preset.schedule),
            slippage,
            impact,
            ..ExecutionConfig::default()
        };
        let (share, conditions) = (share(), conditions(days, 1.01));
        let mut models = Models::from(&config);
        let mut day = 0;
        for (later, value) in traded {
            day += later;
            models.on_fill(Timestamp::from_secs(day * DAY), Money::new(value.into(), share.quote()));
        }
        let bytes = postcard::to_stdvec(&(&models, &conditions)).expect("bytes");
        let (models_again, conditions_again): (Models, Conditions) = postcard::from_bytes(&bytes).expect("reads back");
        prop_assert_eq!(&models_again, &models);
        prop_assert_eq!(&conditions_again, &conditions);
    }

    /// What an order holds covers its fill, fees included; only the rounding to ticks and cents is beyond it.
    #[test]
    fn what_an_order_holds_covers_its_fill(
        preset in any_preset(),
        side in any_side(),
        bps in 0..500_i64,
        quantity in 1..10_000_i64,
        cents in 100..100_000_i64,
    ) {
        let config = ExecutionConfig {
            fees: Fees::Schedule(preset.schedule),
            slippage: SlippageModel::FixedBps { bps: bps.into() },
            ..ExecutionConfig::default()
        };
        let (share, models, conditions) = (share(), Models::from(&config), Conditions::default());
        let (met, quantity) = (Price(Decimal::new(cents, 2)), quantity.into_quantity());
        let slipped = models.slip(&SlipInputs {
            instrument: &share,
            side,
            quantity,
            price: met,
            half_spread: None,
            conditions: &conditions,
            tier: DataTier::Bars,
            time: Timestamp::EPOCH,
        });
        let fee = models.fee(&FeeInputs {
            price: slipped.price,
            quantity,
            ..fill(&share, side, "1", "1", Liquidity::Taker)
        });
        let costs = fee.amount + (slipped.slippage + slipped.impact) * quantity.0;
        let rounding = share.tick() * quantity.0 * Decimal::TWO + decimal("0.03");
        prop_assert!(costs <= models.worst_cost(&share, met, quantity).amount + rounding);
    }
}

trait IntoQuantity {
    fn into_quantity(self) -> Quantity;
}

impl IntoQuantity for i64 {
    fn into_quantity(self) -> Quantity {
        Quantity(Decimal::from(self))
    }
}
