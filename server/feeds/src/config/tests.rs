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
            "[feeds.binance]\nrest_url = \"https://me:word@example.com\"",
            "feeds.binance.rest_url is shown in errors and on pages, so it may hold no user's name or password: keys belong",
        ),
        (
            "[feeds.binance]\nstream_url = \"wss://example.com/ws?token=word\"",
            "feeds.binance.stream_url is shown in errors and on pages, so it may hold nothing after a ?: keys belong",
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
            "[quality]\nclock_ms = 999999999",
            "quality.clock_ms must be 1 to 60000",
        ),
        (
            "[quality]\nreturn_s = 1000000",
            "quality.return_s must be 0 to 86400",
        ),
        (
            "[feeds.binance]\nstale_after_s = 0",
            "feeds.binance: stale_after_s must be 1 or more",
        ),
        (
            "[[routes]]\nname = \"best\"\nsymbols = [\"BTC/USDT\"]\n\
             sources = [{feed = \"binance\", symbols = {\"ETH/USDT\" = \"ETH/USD\"}}]",
            "routes.best.sources[0].symbols: ETH/USDT is not among the symbols of the route",
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
fn an_option_that_a_venue_does_not_have_is_refused_by_name() {
    for (toml, message) in [
        (
            "[feeds.mine]\nvenue = \"kraken\"\noptions = { dpeth = \"100\" }",
            "feeds.mine: kraken has no option 'dpeth'; did you mean depth?",
        ),
        (
            "[feeds.coinbase]\noptions = { depth = 10 }",
            "feeds.coinbase: coinbase has no option 'depth'; it has none",
        ),
        (
            "[feeds.coingecko]\noptions = { id = { BTC.x = [1] } }",
            "line 2 of the feeds' configuration is wrong: the option id.BTC.x is a list",
        ),
        (
            "[feeds.coingecko]\noptions = { \"id.BTC\" = \"a\", id.BTC = \"b\" }",
            "line 2 of the feeds' configuration is wrong: the option id.BTC is there twice",
        ),
        (
            "[feeds.yahoo]\noptions = { requests = 5 }",
            "feeds.yahoo: yahoo has no option 'requests'; it has requests_in_10_min, poll_every_s",
        ),
    ] {
        let error = FeedsConfig::parse(toml, NOTHING).expect_err(toml).to_string();
        assert!(error.starts_with(message), "{toml}: {error}");
    }
}

#[test]
fn options_may_be_numbers_truths_and_tables() {
    let toml = "[feeds.kraken]\noptions = { depth = 100 }\n[feeds.yahoo]\noptions.poll_every_s = 0.5\n\
                [feeds.polygon]\noptions = { adjusted = true }\n[feeds.coingecko]\noptions = { id.BTC = \"bitcoin\" }";
    let config = FeedsConfig::parse(toml, NOTHING).expect("fine");
    for (feed, name, value) in [
        ("kraken", "depth", "100"),
        ("yahoo", "poll_every_s", "0.5"),
        ("polygon", "adjusted", "true"),
        ("coingecko", "id.BTC", "bitcoin"),
    ] {
        let expected = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(config.feeds[feed].config.options, expected, "{feed}");
        let opened = crate::venues::open(feed, config.feeds[feed].config.clone());
        assert!(opened.is_some_and(|venue| venue.is_ok()), "{feed}");
    }
}

#[test]
fn a_missing_key_names_the_variable_of_its_feed() {
    for (venue, known, missing) in [
        ("alpaca", None, "PAPERTAPE_MY_FEED_KEY"),
        (
            "alpaca",
            Some("PAPERTAPE_MY_FEED_KEY"),
            "PAPERTAPE_MY_FEED_SECRET",
        ),
        ("polygon", None, "PAPERTAPE_MY_FEED_KEY"),
    ] {
        let toml = format!("[feeds.my-feed]\nvenue = \"{venue}\"");
        let environment = |name: &str| (Some(name) == known).then(|| "k".to_owned());
        let config = FeedsConfig::parse(&toml, &environment).expect("fine");
        let opened = crate::venues::open(venue, config.feeds["my-feed"].config.clone());
        let venue = opened.expect("there is one").expect("its options are fine");
        let error = venue.codec().expect_err("no key").to_string();
        assert!(
            error.starts_with("my-feed needs a key") && error.contains(missing),
            "{error}"
        );
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

    let off = parse(&format!("{toml}enabled = false\n"), NOTHING).expect("its key may stay");
    assert!(!off.names().any(|name| name == "my-feed"));

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
