//! A server, a client, and the bars and strategies that the stories use.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a state may take to come before the story fails. Generous: machines under load are slow, not wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A strategy that trades often and keeps orders resting: limit entries, a stop and a target.
pub(crate) const BUSY: &str = "
name: Busy
symbols: [BTC/USDT]
timeframe: 1m
params:
  fast: {default: 3, min: 2, max: 50}
  slow: {default: 8, min: 3, max: 200}
entry:
  long: cross_above(sma(close, $fast), sma(close, $slow))
  short: cross_below(sma(close, $fast), sma(close, $slow))
exit:
  long: cross_below(sma(close, $fast), sma(close, $slow))
  short: cross_above(sma(close, $fast), sma(close, $slow))
orders:
  entry: {type: limit, price: close - 0.2 * atr(14), time_in_force: gtc, expire_after: 5}
risk:
  size: {method: percent_of_equity, value: 50}
  stop_loss: 2 * atr(14)
  take_profit: 1%
";

/// A strategy that goes to the market.
pub(crate) const CROSS: &str = "
name: Cross
symbols: [BTC/USDT]
timeframe: 5m
entry:
  long: cross_above(sma(close, 10), sma(close, 30))
exit:
  long: cross_below(sma(close, 10), sma(close, 30))
risk:
  size: {method: percent_of_equity, value: 95}
  stop_loss: 2%
";

/// `papertape` with arguments, without what the environment may say.
pub(crate) fn papertape() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_papertape"));
    for name in [
        "PAPERTAPE_DATA_DIR",
        "PAPERTAPE_DATABASE_URL",
        "PAPERTAPE_LISTEN",
        "PAPERTAPE_CONFIG",
    ] {
        command.env_remove(name);
    }
    command.env("RUST_LOG", "warn");
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    papertape().args(arguments).output().expect("the binary runs")
}

/// Imports bars of BTC/USDT into a data directory.
pub(crate) fn import(data_dir: &Path, files: &[&Path]) -> Output {
    import_as("BTC/USDT", data_dir, files)
}

pub(crate) fn import_as(symbol: &str, data_dir: &Path, files: &[&Path]) -> Output {
    let mut command = papertape();
    command.arg("import").args(files);
    command.args(["--symbol", symbol, "--data-dir"]).arg(data_dir);
    command.output().expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server in its own process. Ends with the story.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// With more arguments.
    pub(crate) fn start_with(data_dir: &Path, more: &[&str]) -> Self {
        Self::start_as(papertape(), data_dir, more)
    }

    /// With an environment and a place for the log of its own.
    pub(crate) fn start_as(mut command: Command, data_dir: &Path, more: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("stdout is text");
        let address = line
            .trim()
            .strip_prefix("Papertape is ready: http://")
            .unwrap_or_else(|| panic!("the server says that it is ready: '{line}'"))
            .to_owned();
        Self { child, address }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("the process ends");
    }

    /// As a service manager would.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the process ends")
    }

    /// Ends in good order.
    pub(crate) fn stop(self) {
        self.terminate();
        assert_eq!(self.wait().code(), Some(0));
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(&body.to_string()))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        self.request_with(method, path, body, &[])
    }

    /// One request on a connection of its own. `path` is under the API unless it begins with two slashes.
    pub(crate) fn request_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = match path.strip_prefix("//") {
            Some(rest) => format!("/{rest}"),
            None => format!("/api/paper-trading{path}"),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        // The server may answer before it has read a body that it does not want.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(&answer)
    }

    /// Starts a session and gives its id.
    pub(crate) fn start_session(&self, request: &Value) -> String {
        let answer = self.post("/sessions", request);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// A busy session on the simulated market.
    pub(crate) fn start_busy(&self, speed: f64) -> String {
        self.start_session(&json!({"strategy": BUSY, "speed": speed}))
    }

    /// Asks until the answer is as wanted.
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path);
            let json = answer.json();
            if answer.status == 200 && wanted(&json) {
                return json;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never was as wanted: {}",
                shorten(&answer.body)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All items of a list, page by page.
    pub(crate) fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=10000{cursor}"));
            assert_eq!(page.status, 200, "{}", page.body);
            let mut page = page.json();
            items.append(page["items"].as_array_mut().expect("items"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let whole = text(bytes);
        let (head, body) = whole.split_once("\r\n\r\n").unwrap_or((&whole, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("an HTTP answer: '{}'", shorten(&whole))),
            body: if head.to_lowercase().contains("transfer-encoding: chunked") {
                unchunk(body)
            } else {
                body.to_owned()
            },
            head: head.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(600).collect()
}

/// A folder that goes with the story.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file and gives its path.
pub(crate) fn file(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("the folder is writable");
    path
}

/// Bars of the simulated market as a CSV file.
pub(crate) fn simulated_csv(count: usize) -> String {
    simulated_csv_of("BTC/USDT", count)
}

/// The same of another symbol, whose market is another.
pub(crate) fn simulated_csv_of(symbol: &str, count: usize) -> String {
    use papertape::market::{SimulatedMarket, SimulatedMarketConfig, write_bars_csv};
    let config = SimulatedMarketConfig {
        symbol: symbol.parse().expect("a symbol"),
        seed: 7,
        start: papertape::model::Timestamp::parse("2025-01-06T00:00:00Z").expect("a time"),
    };
    write_bars_csv(&SimulatedMarket::bars(config, count))
}
