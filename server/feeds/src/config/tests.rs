//! What is configured, and what is wrong with it.

use super::*;

const NOTHING: Environment<'static> = &|_| None;
const VENUES: &[&str] = &["binance", "coinbase"];

fn parse(toml: &str, environment: Environment<'_>) -> Result<FeedsConfig, ConfigError> {
    FeedsConfig::among(VENUES, read(toml)?, environment)
}

#[test]
fn what_is_wrong_is_named() {
    for (toml, message) in [
        (
            "[feeds.binance]\nrest = \"x\"",
            "line 2 of the feeds' configuration is wrong: unknown field `rest`",
        ),
        (
            "[feeds.Binance]",
            "'Binance' is not a feed's name: write up to 32 small letters",
        ),
        (
            "[feeds.mine]\nvenue = \"binanse\"",
            "feeds.mine.venue: there is no venue 'binanse'; did you mean binance?",
        ),
        (
            "[feeds.binance]\nrest_url = \"binance.com\"",
            "feeds.binance.rest_url must begin with http:// or https:// and name a host",
        ),
        (
            "[feeds.binance]\nstream_url = \"wss://\"",
            "feeds.binance.stream_url must begin with ws:// or wss:// and name a host",
        ),
        (
            "[[routes]]\nname = \"best\"\nsources = []",
            "routes.best.sources: a route needs at least one source",
        ),
        (
            "[[routes]]\nname = \"best\"\nsources = [{feed = \"binanc\"}]",
            "routes.best.sources[0].feed: there is no feed 'binanc'; did you mean binance?",
        ),
        (
            "[[routes]]\nname = \"binance\"\nsources = [{feed = \"binance\"}]",
            "binance is there twice",
        ),
        (
            "[quality]\noutlier_factor = 1.0",
            "quality.outlier_factor must be above 1",
        ),
        (
            "[quality]\ndivergence = nan",
            "quality.divergence must be above 0",
        ),
        (
            "secrets_file = \"/nowhere/at/all\"",
            "the secrets file /nowhere/at/all cannot be read",
        ),
    ] {
        let error = parse(toml, NOTHING).expect_err(toml).to_string();
        assert!(error.starts_with(message), "{toml}: {error}");
    }
}

#[test]
fn every_venue_is_there_unless_it_is_taken_away() {
    let config = parse("", NOTHING).expect("nothing is fine");
    assert!(config.names().eq(config.feeds.keys()));
    assert_eq!(config.feeds.len(), VENUES.len());
    let without = parse("[feeds.binance]\nenabled = false", NOTHING).expect("fine");
    assert!(!without.names().any(|name| name == "binance"));
}

#[test]
fn a_venue_that_needs_a_key_is_there_when_it_has_one_or_is_named() {
    let names = |toml: &str, environment: Environment<'_>| -> Vec<String> {
        let config = FeedsConfig::among(&["alpaca", "binance"], read(toml).expect(toml), environment);
        config.expect(toml).names().map(str::to_owned).collect()
    };
    assert_eq!(names("", NOTHING), ["binance"]);
    let key = |name: &str| (name == "PAPERTAPE_ALPACA_KEY").then(|| "k".to_owned());
    assert_eq!(names("", &key), ["alpaca", "binance"]);
    assert_eq!(names("[feeds.alpaca]", NOTHING), ["alpaca", "binance"]);
}

#[test]
fn keys_come_from_the_environment_first_and_never_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secrets.toml");
    std::fs::write(
        &path,
        "[my-feed]\nkey = \"filed-key\"\nsecret = \"filed-secret\"\n",
    )
    .expect("written");
    let toml = format!(
        "secrets_file = '{}'\n[feeds.my-feed]\nvenue = \"binance\"\n",
        path.display()
    );
    let environment = |name: &str| (name == "PAPERTAPE_MY_FEED_KEY").then(|| " told-key\n".to_owned());
    let config = parse(&toml, &environment).expect("fine");
    let feed = &config.feeds["my-feed"];
    assert_eq!(feed.config.key.as_ref().map(Secret::reveal), Some("told-key"));
    assert_eq!(
        feed.config.secret.as_ref().map(Secret::reveal),
        Some("filed-secret")
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("told-key") && !shown.contains("filed-secret"),
        "{shown}"
    );

    std::fs::write(&path, "[my-feed]\nkey = \"filed-key\" oops\n").expect("written");
    let error = parse(&toml, NOTHING).expect_err("wrong").to_string();
    assert!(
        error.ends_with("line 2 is wrong") && !error.contains("filed-key"),
        "{error}"
    );
}

#[test]
fn a_route_may_call_a_symbol_otherwise() {
    let toml = "[[routes]]\nname = \"btc\"\nsources = [{feed = \"binance\"}, \
                {feed = \"coinbase\", symbols = {\"BTC/USDT\" = \"BTC/USD\"}}]";
    let config = parse(toml, NOTHING).expect("fine");
    let symbol: Symbol = "BTC/USDT".parse().expect("a symbol");
    let route = &config.routes["btc"];
    let called: Vec<_> = route
        .sources
        .iter()
        .map(|source| source.symbol(&symbol).as_str())
        .collect();
    assert_eq!(called, ["BTC/USDT", "BTC/USD"]);
}

#[test]
fn the_documentation_configures_what_it_says() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/feeds.md"))
        .expect("docs/feeds.md");
    let blocks: Vec<&str> = docs
        .split("```toml\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .collect();
    let files: Vec<FeedsFile> = blocks
        .iter()
        .map(|block| read(block).unwrap_or_else(|error| panic!("{error}\n{block}")))
        .collect();
    let route = files
        .iter()
        .flat_map(|file| &file.routes)
        .next()
        .expect("a route");
    assert!(route.hold_on_divergence && route.sources.len() > 1);
    let thresholds = files.iter().map(|file| &file.quality);
    assert!(thresholds.clone().count() > 1);
    for said in thresholds {
        assert_eq!(said, &Thresholds::default(), "the defaults that are written down");
    }
}
