//! Requests to a venue on which things go wrong: each trouble has its name, limits are kept, and nothing takes the server down.

use papertape::model::Timestamp;
use papertape_feeds::rest::Ask;
use papertape_feeds::testkit::{Fault, Faults, Server, Stage, Truth, binance::Binance};
use papertape_feeds::{FeedError, Rest, Secret, Traits, VenueConfig, venues};
use serde_json::Value;
use std::time::Duration;

fn traits() -> Traits {
    let venue = venues::open("binance", VenueConfig::default()).expect("a venue");
    venue.expect("its defaults are fine").traits().clone()
}

async fn place(traits: &Traits) -> (Server, Rest) {
    let stage = Stage::new(Truth::seeded(1, 1), Binance::new(), Faults::none());
    let server = Server::start(stage).await.expect("a server");
    let base = server.config().rest_url.expect("an address");
    let rest = Rest::new("binance", base, traits, None, Timestamp::from_secs(1_000_000)).expect("requests");
    (server, rest)
}

async fn time(rest: &Rest) -> Result<Value, FeedError> {
    rest.json(Ask::get("/api/v3/time")).await
}

#[tokio::test]
async fn each_trouble_has_its_name() {
    let (server, rest) = place(&traits()).await;
    assert!(time(&rest).await.expect("an answer")["serverTime"].is_number());
    for (fault, code) in [
        (Fault::Trouble, "venue_trouble"),
        (Fault::Html, "not_the_venue"),
        (Fault::HalfAnswer, "unreachable"),
    ] {
        server.with(|stage| stage.faults.force(fault));
        let error = time(&rest).await.expect_err("trouble");
        assert_eq!(error.code(), code, "{fault:?}: {error}");
        assert!(error.is_temporary(), "{error}");
        assert!(time(&rest).await.is_ok(), "after {fault:?}");
    }
    let wrong: Result<Value, _> = rest.json(Ask::get("/api/v3/klines")).await;
    assert_eq!(wrong.expect_err("no symbol").code(), "refused");
}

#[tokio::test]
async fn a_limit_is_waited_for_by_everybody_and_a_ban_is_told_at_once() {
    let (server, rest) = place(&traits()).await;
    server.with(|stage| stage.faults.force(Fault::RateLimit));
    // The one who is refused and the one who comes after have their answers, later.
    let (first, second) = tokio::join!(time(&rest), time(&rest));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let asked = server.with(|stage| stage.requests["/api/v3/time"]);
    assert_eq!(asked, 3);

    server.with(|stage| stage.faults.force(Fault::Ban));
    for _ in 0..2 {
        let error = time(&rest).await.expect_err("a ban");
        assert!(
            matches!(error, FeedError::RateLimited { is_ban: true, retry_after, .. } if retry_after > Duration::ZERO),
            "{error}"
        );
    }
    // Whoever is banned asks no more.
    assert_eq!(server.with(|stage| stage.requests["/api/v3/time"]), asked + 1);
}

#[tokio::test]
async fn who_may_ask_again_at_once_waits_for_a_second() {
    let (server, rest) = place(&traits()).await;
    server.with(|stage| {
        stage.faults.retry_after = Duration::ZERO;
        stage.faults.force(Fault::RateLimit);
    });
    let began = std::time::Instant::now();
    assert!(time(&rest).await.is_ok());
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(server.with(|stage| stage.requests["/api/v3/time"]), 2);
}

#[tokio::test]
async fn what_the_venue_counts_is_believed() {
    let (_server, rest) = place(&traits()).await;
    time(&rest).await.expect("an answer");
    // We take it for 1, and the venue counts 20.
    let ask = Ask::get("/api/v3/exchangeInfo");
    let _: Value = rest.json(ask).await.expect("an answer");
    assert!(rest.budget_status()[0].used >= 21);
}

#[tokio::test]
async fn nobody_home_is_said_with_the_host_and_without_the_key() {
    let traits = traits();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let now = Timestamp::from_secs(1_000_000);
    let rest = Rest::new("binance", format!("http://{address}"), &traits, None, now).expect("requests");
    let ask = Ask::get("/api/v3/time")
        .header("x-mbx-apikey", Secret::new("the-key".to_owned()))
        .with("signature", "the-signature");
    let error = rest.json::<Value>(ask).await.expect_err("nobody is there");
    let shown = format!("{error} {error:?}");
    assert_eq!(error.code(), "unreachable");
    assert!(shown.contains(&address.to_string()), "{shown}");
    assert!(
        !shown.contains("the-key") && !shown.contains("the-signature"),
        "{shown}"
    );

    let ask = Ask::get("/").header("x-mbx-apikey", Secret::new("the\nkey".to_owned()));
    let error = rest.json::<Value>(ask).await.expect_err("no header");
    assert!(
        !format!("{error:?}").contains("the\nkey") && error.code() == "refused",
        "{error}"
    );
}

#[tokio::test]
async fn who_is_being_mended_says_for_how_long_and_is_left_alone() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let now = Timestamp::from_secs(1_000_000);
    let rest = Rest::new("binance", format!("http://{address}"), &traits(), None, now).expect("requests");
    assert_eq!(time(&rest).await.expect_err("trouble").code(), "venue_trouble");
    let error = time(&rest).await.expect_err("not yet");
    assert!(
        matches!(error, FeedError::RateLimited { is_ban: false, retry_after, .. } if retry_after > Duration::from_secs(60)),
        "{error}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A venue that answers everything with 429 and these headers, and how often it was asked.
async fn refusing(headers: &'static str) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("its address");
    let asked = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let counter = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 429 Too Many Requests\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn who_refuses_is_left_alone_for_as_long_as_it_says_or_as_its_venue_is_known_to_mean() {
    for (headers, ask, expected) in [
        // In 90 s, as a second since 1970.
        ("x-ratelimit-reset: 1700000090\r\n", Ask::get("/x"), 80..=90),
        // What says it best counts.
        (
            "x-ratelimit-reset: 1700000090\r\nretry-after: 120\r\n",
            Ask::get("/x"),
            110..=120,
        ),
        ("", Ask::get("/x").resting(Duration::from_secs(300)), 290..=300),
    ] {
        let (base, asked) = refusing(headers).await;
        let now = Timestamp::from_secs(1_700_000_000);
        let rest = Rest::new("venue", base, &traits(), None, now).expect("requests");
        for _ in 0..2 {
            let error = rest.raw(ask.clone()).await.expect_err("it refuses");
            assert!(
                matches!(&error, FeedError::RateLimited { retry_after, .. } if expected.contains(&retry_after.as_secs())),
                "{headers:?}: {error}"
            );
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1, "{headers:?}");
    }
}

/// A venue whose limits are told inside of an answer with status 200.
#[tokio::test]
async fn a_limit_that_only_the_venue_s_module_can_read_holds_for_everybody() {
    let (server, rest) = place(&traits()).await;
    let error = rest.heeding(FeedError::RateLimited {
        venue: "kraken".to_owned(),
        retry_after: Duration::from_secs(600),
        is_ban: false,
    });
    assert_eq!(error.code(), "rate_limited");
    assert_eq!(time(&rest).await.expect_err("not yet").code(), "rate_limited");
    assert_eq!(
        server.with(|stage| stage.requests.get("/api/v3/time").copied()),
        None
    );
}

#[tokio::test]
async fn who_cannot_wait_is_told_how_long_it_would_be_and_nothing_is_asked() {
    let limit = |weight, secs| papertape_feeds::Limit {
        weight,
        every: Duration::from_secs(secs),
        is_aligned: false,
    };
    let limited = |limit| Traits {
        limits: vec![limit],
        ..traits()
    };
    let (server, rest) = place(&limited(limit(1, 60))).await;
    time(&rest).await.expect("the one that is allowed");
    let error = time(&rest.within(Duration::from_secs(25)))
        .await
        .expect_err("a minute");
    assert!(error.is_temporary());
    assert!(
        error
            .to_string()
            .ends_with(" s: its limit on requests is 1 in 60 s; try again then"),
        "{error}"
    );
    assert!(
        matches!(&error, FeedError::NoneFree { retry_after, .. } if *retry_after > Duration::from_secs(40)),
        "{error:?}"
    );
    assert_eq!(server.with(|stage| stage.requests["/api/v3/time"]), 1);

    // Nor does it wait longer for those before it.
    let (server, rest) = place(&limited(limit(1, 20))).await;
    time(&rest).await.expect("the one that is allowed");
    let began = std::time::Instant::now();
    let hurried = rest.within(Duration::from_millis(500));
    let (patient, hurried) = tokio::join!(time(&rest), async {
        // The other has its turn.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = time(&hurried).await;
        (answer, began.elapsed(), rest.waits())
    });
    let (error, waited, others_wait) = hurried;
    assert_eq!(error.expect_err("not in time").code(), "no_request_free");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert!(
        others_wait.is_some_and(|wait| wait > Duration::from_secs(1)),
        "{others_wait:?}"
    );
    assert!(patient.is_ok(), "{patient:?}");
    assert_eq!(server.with(|stage| stage.requests["/api/v3/time"]), 2);
    assert_eq!(rest.waits(), None);
}
