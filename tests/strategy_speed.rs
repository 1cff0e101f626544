//! What a bar costs. A measurement, not a test:
//! `cargo test --release -p papertape --test strategy_speed -- --ignored --nocapture`.

use papertape::market::Bar;
use papertape::model::Timestamp;
use papertape::strategy::{PositionView, Strategy};
use std::{collections::BTreeMap, hint::black_box, time::Instant};

const SMA_CROSS: &str = "
name: SMA cross
entry: {long: 'cross_above(sma(close, 20), sma(close, 50))'}
exit: {long: 'cross_below(sma(close, 20), sma(close, 50))'}
";

fn bars(count: usize) -> Vec<Bar> {
    let mut seed = 20_240_808_u64;
    let mut close = 60_000.0_f64;
    let bar = |index| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let open = close;
        close *= 1.0 + ((seed >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.004;
        Bar {
            open_time: Timestamp::from_secs(60 * index as i64),
            open,
            high: open.max(close) * 1.0005,
            low: open.min(close) * 0.9995,
            close,
            volume: 1.0 + (seed % 7) as f64,
        }
    };
    (0..count).map(bar).collect()
}

#[test]
#[ignore = "a measurement"]
#[expect(
    clippy::disallowed_methods,
    reason = "only the measurement looks at the clock"
)]
fn nanoseconds_a_bar() {
    let bars = bars(500_000);
    let library =
        |name: &str| std::fs::read_to_string(format!("{}/strategies/{name}", env!("CARGO_MANIFEST_DIR")));
    let mut files = vec![(
        "(two averages and their crossings)".to_owned(),
        SMA_CROSS.to_owned(),
    )];
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/strategies")).expect("the library") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a plain name");
        files.push((name.clone(), library(&name).expect("a file")));
    }
    for (name, yaml) in files {
        let one_minute = "1m".parse().ok();
        let mut strategy = Strategy::compile(&yaml, &BTreeMap::new(), one_minute).expect("compiles");
        let rules = [strategy.rules.entries[0].long, strategy.rules.exits[0].long];
        let started = Instant::now();
        let mut held = 0_u32;
        for bar in &bars {
            strategy.program.on_bar(black_box(bar), &PositionView::FLAT);
            held += rules
                .iter()
                .flatten()
                .map(|rule| u32::from(strategy.program.condition(*rule)))
                .sum::<u32>();
        }
        let nanoseconds = started.elapsed().as_nanos() as f64 / bars.len() as f64;
        println!("{nanoseconds:9.1} ns/bar  {name} ({held} signals)");
    }
}
