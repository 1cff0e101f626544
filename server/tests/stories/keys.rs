//! Keys of venues are for the venues: they are in no log, no page, no answer and no file.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape};
use crate::venues::IDLE;
use papertape::model::Timeframe;
use papertape_feeds::testkit::{
    self, Act, Conversation, Faults, Mock, Reply, Request, Stage, TrueMarket, Truth, TruthEvent,
    alpaca::Alpaca,
};
use papertape_feeds::{Channels, Clock as _, Frame, SystemClock};
use serde_json::json;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

const KEY: &str = "PK7QX2WVN4HJ81ZD";
const SECRET: &str = "tZ9mB4kQ7vR2xW8nL5cJ";
const PARROT: &str = "/parrot";
const WRONG: &str = "PK0WRONG0WRONG0WR";

/// All that there is to log, asked for in every way.
const EVERYTHING: &str = "trace,tungstenite=trace,tungstenite::protocol=trace,tungstenite::handshake=trace,tungstenite::handshake::client=trace,\
    tokio_tungstenite::compat=trace,hyper::proto=trace,hyper_util::client=trace,reqwest::connect=trace,h2::codec=trace";

/// An Alpaca with a key of ours, which repeats what it is shown when that is wrong, and counts how often it was shown the right
/// one. Below [`PARROT`] its stream repeats whatever it is told, and closes with the key in its reason.
#[derive(Debug)]
struct Keyed {
    venue: Alpaca,
    shown: Arc<AtomicU64>,
}

/// What the local venue takes for its key, where the right one was shown.
fn translated(text: &str, shown: &AtomicU64) -> String {
    if text.contains(KEY) {
        shown.fetch_add(1, Ordering::SeqCst);
    }
    text.replace(KEY, "key").replace(SECRET, "secret")
}

impl Keyed {
    fn translate(&self, request: &Request) -> Request {
        let mut request = request.clone();
        if let Some(path) = request.path.strip_prefix(PARROT) {
            request.path = path.to_owned();
        }
        for (_, value) in &mut request.headers {
            *value = translated(value, &self.shown);
        }
        request
    }
}

impl Mock for Keyed {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let reply = self.venue.answer(&self.translate(request), truth, at);
        match (reply.status, request.header("apca-api-key-id")) {
            (401, Some(key)) => {
                let words = format!("request is not authorized: {key} is unknown");
                Reply::json(401, &json!({ "code": 40_110_000, "message": words }))
            }
            _ => reply,
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Ok(Box::new(Talk {
            conversation: self.venue.connect(&self.translate(request))?,
            shown: Arc::clone(&self.shown),
            is_parrot: request.path.starts_with(PARROT),
        }))
    }
}

#[derive(Debug)]
struct Talk {
    is_parrot: bool,
    conversation: Box<dyn Conversation>,
    shown: Arc<AtomicU64>,
}

impl Conversation for Talk {
    fn opened(&mut self, truth: &Truth) -> Vec<Act> {
        self.conversation.opened(truth)
    }

    fn received(&mut self, frame: &Frame, truth: &Truth, at: Duration) -> Vec<Act> {
        if self.is_parrot {
            return vec![Act::Send(frame.clone()), Act::Close(4001, format!("bye {KEY}"))];
        }
        let frame = match frame {
            Frame::Text(text) => Frame::Text(translated(text, &self.shown)),
            other => other.clone(),
        };
        self.conversation.received(&frame, truth, at)
    }

    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame> {
        self.conversation.tell(event, truth)
    }

    fn listens(&self, market: &TrueMarket) -> Channels {
        self.conversation.listens(market)
    }
}

/// The files below a folder in which one of the words is.
fn files_with(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("a folder")
        .filter_map(Result::ok)
    {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
        } else if let Ok(bytes) = std::fs::read(&path)
            && let Some(word) = words
                .iter()
                .find(|word| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
        {
            found.push(format!("{} in {}", word, path.display()));
        }
    }
    found
}

#[test]
fn keys_are_in_no_log_no_page_no_answer_and_no_file() {
    let runtime = Runtime::new().expect("threads");
    let shown = Arc::<AtomicU64>::default();
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let mock = Keyed {
        venue: Alpaca::new(),
        shown: Arc::clone(&shown),
    };
    let stage = Stage::new(Truth::seeded_at(7, 1, beginning), mock, Faults::none());
    let venue = runtime.block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = testkit::Server::start_at(free, stage).await.expect("a free port");
        server.live();
        server
    });
    let (data, logs) = (folder(), folder());
    let address = venue.config();
    let (rest, stream) = (address.rest_url.expect("one"), address.stream_url.expect("one"));
    let feed = |name: &str, below: &str| {
        format!(
            "[feeds.{name}]\nvenue = \"alpaca\"\nrest_url = \"{rest}{below}\"\nstream_url = \"{stream}{below}\"\noptions = {{ market = \"crypto\", encoding = \"json\" }}\n"
        )
    };
    let feeds = [feed("broker", ""), feed("stranger", ""), feed("parrot", PARROT)].concat();
    let config = format!("{feeds}{}", silent_venues());
    let config = file(&data, "papertape.toml", &config);
    let log = logs.path().join("log");
    let mut command = papertape();
    command
        .env("RUST_LOG", EVERYTHING)
        .env("PAPERTAPE_BROKER_KEY", KEY)
        .env("PAPERTAPE_BROKER_SECRET", SECRET)
        .env("PAPERTAPE_PARROT_KEY", KEY)
        .env("PAPERTAPE_PARROT_SECRET", SECRET)
        .env("PAPERTAPE_STRANGER_KEY", WRONG)
        .env("PAPERTAPE_STRANGER_SECRET", SECRET)
        .stderr(File::create(&log).expect("a file"));
    let server = Server::start_as(command, data.path(), &["--config", &config.display().to_string()]);
    let start = |feed: &str| json!({"strategy": IDLE, "feed": feed, "symbols": ["BTC/USD"]});
    let id = server.start_session(&start("broker"));
    server.wait_for(&format!("/sessions/{id}"), |session| !session["quote"].is_null());
    server.start_session(&start("parrot"));
    server.wait_for("/feeds/parrot", |feed| {
        feed["sources"][0]["last_error"] == "the venue closed the connection: 4001 bye (secret)"
    });
    let incidents = server.get("/feeds/parrot/incidents").body;
    assert!(
        incidents.contains("it repeats a key of ours, and is not shown"),
        "{incidents}"
    );
    let refused = server.post("/sessions", &start("stranger"));
    assert!(refused.status >= 400, "{}", refused.body);
    // Over REST and on the stream.
    assert!(shown.load(Ordering::SeqCst) >= 2, "the venue was shown the key");
    let session = format!("/sessions/{id}");
    let mut told = vec![refused.body];
    for path in [
        "//",
        "//feeds",
        "//metrics",
        &format!("/{session}"),
        "/status",
        "/config",
        "/feeds",
        "/feeds/broker",
        "/feeds/stranger",
        "/feeds/parrot",
        "/feeds/parrot/incidents",
        "/feeds/broker/incidents",
        "/feeds/stranger/instruments",
        &session,
        &format!("{session}/data-quality"),
        &format!("{session}/events"),
    ] {
        told.push(server.get(path).body);
    }
    let secrets = [KEY, SECRET, WRONG];
    for told in &told {
        assert!(secrets.iter().all(|secret| !told.contains(secret)), "{told}");
    }
    server.stop();
    let words = std::fs::read_to_string(&log).expect("a log");
    assert!(
        words.contains("broker") && words.contains("TRACE"),
        "it is a log of everything"
    );
    assert_eq!(files_with(logs.path(), &secrets), [""; 0]);
    assert_eq!(files_with(data.path(), &secrets), [""; 0]);
}
