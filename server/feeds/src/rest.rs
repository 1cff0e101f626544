//! Requests within a venue's limits.

#[cfg(test)]
mod tests;

use crate::budget::Wait;
use crate::config::variable;
use crate::purse::{Purse, Stood};
use crate::status::BudgetStatus;
use crate::venue::{FeedError, Limit, Secret, Secrets, Traits};
use papertape::model::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::{error::Error, fmt::Debug, path::Path, time::Duration};
use tokio::time::{Instant, timeout_at};

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Path and nothing else: `/api/v3/klines`; a whole address where the venue has a second host.
    pub path: String,
    /// The query's pairs, unencoded.
    pub query: Vec<(String, String)>,
    /// Headers, which may hold keys.
    pub headers: Vec<(String, Secret)>,
    /// What it costs of the venue's budget, as the venue counts.
    pub weight: u32,
    /// How long nobody asks after a 429 that does not say.
    pub rest_after_429: Duration,
}

impl Ask {
    /// A request of weight 1.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            weight: 1,
            rest_after_429: USUAL_WAIT,
        }
    }

    /// With a pair of the query.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// With another wait after a 429 that does not say for how long.
    #[must_use]
    pub const fn resting(mut self, wait: Duration) -> Self {
        self.rest_after_429 = wait;
        self
    }

    /// With a weight.
    #[must_use]
    pub const fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

/// An answer as it came, for venues whose errors are told inside of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// How requests to one venue are made: within its limits, with time-outs, never more than a bounded answer. Clones share the
/// limits.
#[derive(Clone, Debug)]
pub struct Rest {
    shared: Arc<Shared>,
    /// Until when its requests wait for room in the limits; `None` for their turn and [`MOST_WAIT`] after it.
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    venue: String,
    base: String,
    host: String,
    client: reqwest::Client,
    /// What must not show when the venue repeats it, here and on its stream.
    secrets: Secrets,
    used_weight_header: Option<&'static str>,
    /// What can be done when the limits are used up, and what they are.
    advice: String,
    limit: String,
    /// Shared with all who ask the same host.
    purse: Arc<Purse>,
}

/// One request, from connecting to the last byte.
const TIME_OUT: Duration = Duration::from_secs(20);
const CONNECT_TIME_OUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, after decompression.
const MOST_BYTES: usize = 16 << 20;
/// Who must wait longer is told so instead.
const MOST_WAIT: Duration = Duration::from_secs(60);
/// Times that a request is made again after 429.
const AGAIN: usize = 2;
/// What is waited when a venue refuses without saying for how long.
pub(crate) const USUAL_WAIT: Duration = Duration::from_secs(5);
const USUAL_BAN: Duration = Duration::from_secs(120);
/// A week: nobody who says for how long means more.
const MOST_SECS: u64 = 7 * 86_400;
/// Less is no time of day but a number of seconds.
const A_SECOND_OF_2001: i64 = 1_000_000_000;

impl Rest {
    /// A venue at `base`, an address without a slash at the end. `now` is the time by this machine: windows that begin on
    /// the clock are counted from it.
    ///
    /// # Errors
    /// [`FeedError::Refused`] when `ca_file` cannot be used.
    pub fn new(
        venue: &str,
        base: String,
        traits: &Traits,
        ca_file: Option<&Path>,
        now: Timestamp,
    ) -> Result<Self, FeedError> {
        let purse = Arc::new(Purse::new(&traits.limits, Stood::at(now)));
        Self::sharing(venue, base, traits, ca_file, purse, Secrets::default())
    }

    /// The same, with what others may ask of the host too.
    pub(crate) fn sharing(
        venue: &str,
        base: String,
        traits: &Traits,
        ca_file: Option<&Path>,
        purse: Arc<Purse>,
        secrets: Secrets,
    ) -> Result<Self, FeedError> {
        let mut tls = crate::tls::client(venue, ca_file)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIME_OUT)
            .connect_timeout(CONNECT_TIME_OUT)
            // Whoever redirects is not the venue, and would be handed the key.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("papertape/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FeedError::Refused {
                venue: venue.to_owned(),
                detail: cause(&error.without_url()),
            })?;
        let shared = Shared {
            venue: venue.to_owned(),
            host: host_of(&base).to_owned(),
            base,
            client,
            secrets,
            used_weight_header: traits.used_weight_header,
            advice: match traits.key_allows_more {
                true => format!(
                    "a key ({}) allows more, or try again then",
                    variable(venue, "KEY")
                ),
                false => "try again then".to_owned(),
            },
            limit: in_words(&traits.limits),
            purse,
        };
        Ok(Self {
            shared: Arc::new(shared),
            deadline: None,
        })
    }

    /// The same, whose requests wait together no longer than this for room in the limits: [`FeedError::NoneFree`] then.
    #[must_use]
    pub fn within(&self, wait: Duration) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            deadline: Some(Instant::now() + wait),
        }
    }

    /// The same, for what can be left undone: nothing is waited for, and half of the limits is left to others.
    ///
    /// # Errors
    /// [`FeedError::NoneFree`] when half is used.
    pub(crate) fn sparing(&self) -> Result<Self, FeedError> {
        let is_busy = |window: &BudgetStatus| u64::from(window.used) * 2 > u64::from(window.weight);
        if self.budget_status().iter().any(is_busy) {
            return Err(self.none_free(Duration::ZERO));
        }
        Ok(self.within(Duration::ZERO))
    }

    /// How long requests wait yet for room in the limits; `None` when none does.
    #[must_use]
    pub fn waits(&self) -> Option<Duration> {
        self.shared.purse.waits()
    }

    /// What must not show of what the venue says.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }

    /// Asks for JSON. Limits, time-outs, HTML instead of JSON and statuses that mean the same everywhere (401, 403, 418, 429,
    /// 5xx) are errors already; other statuses are the venue's to read, from [`Rest::raw`].
    ///
    /// # Errors
    /// [`FeedError`] when no such answer came.
    pub async fn json<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, FeedError> {
        let venue = || self.shared.venue.clone();
        let answer = self.raw(ask).await?;
        if matches!(answer.status, 401 | 403) {
            return Err(FeedError::Unauthorized {
                venue: venue(),
                detail: self.said(&answer),
            });
        }
        if (300..400).contains(&answer.status) || is_html(&answer.body) {
            return Err(self.not_the_venue(format!("it answered {}", self.said(&answer))));
        }
        if !(200..300).contains(&answer.status) {
            return Err(FeedError::Refused {
                venue: venue(),
                detail: self.said(&answer),
            });
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let error = self.secrets().blot(&error.to_string());
            self.not_the_venue(format!("its answer makes no sense: {error}"))
        })
    }

    /// Asks, and gives the answer whatever its status, but for limits, time-outs and 5xx.
    ///
    /// # Errors
    /// [`FeedError`] when no answer came.
    pub async fn raw(&self, ask: Ask) -> Result<Answer, FeedError> {
        let mut attempt = 0;
        loop {
            self.wait_for_budget(ask.weight).await?;
            let response = self
                .request(&ask)?
                .send()
                .await
                .map_err(|error| self.unreachable(error))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            self.believe(&headers);
            if let Some((wait, is_ban)) = refused_for(status, &headers, ask.rest_after_429, self.now()) {
                self.shut_by(wait, is_ban);
                tracing::warn!(
                    venue = self.shared.venue,
                    path = ask.path,
                    status,
                    ?wait,
                    "asked too often"
                );
                if is_ban || attempt == AGAIN {
                    return Err(self.limited(wait, is_ban));
                }
                attempt += 1;
                continue;
            }
            if status >= 500 {
                // 503 says it for maintenance (RFC 9110, 10.2.3).
                if let Some(wait) = retry_after(&headers, self.now()) {
                    self.shut(wait);
                }
                return Err(FeedError::Trouble {
                    venue: self.shared.venue.clone(),
                    said: status.to_string(),
                });
            }
            let body = self.body(response).await?;
            return Ok(Answer { status, body });
        }
    }

    /// The venue said, with an answer that only it can read, that nobody is to ask for so long.
    pub fn shut(&self, wait: Duration) {
        self.shut_by(wait, false);
    }

    /// The same, where it may be a ban.
    pub(crate) fn shut_by(&self, wait: Duration, is_ban: bool) {
        let (mut budget, passed) = self.shared.purse.budget();
        budget.shut(wait, is_ban, passed);
    }

    /// The venue says that so much may be asked in one of the windows that are known of it.
    pub(crate) fn allows(&self, weight: u32, every: Duration) {
        self.shared.purse.budget().0.allow(weight, every);
    }

    /// The same error; when it is [`FeedError::RateLimited`], nobody asks before it says. For refusals that only the venue's
    /// module can read.
    #[must_use]
    pub fn heeding(&self, error: FeedError) -> FeedError {
        if let FeedError::RateLimited { retry_after, .. } = &error {
            self.shut(*retry_after);
        }
        error
    }

    /// How much of the venue's limits is used.
    #[must_use]
    pub fn budget_status(&self) -> Vec<BudgetStatus> {
        let (budget, passed) = self.shared.purse.budget();
        budget.status(passed)
    }

    async fn wait_for_budget(&self, weight: u32) -> Result<(), FeedError> {
        let queue = self.shared.purse.queue.lock();
        let _turn = match self.deadline {
            None => queue.await,
            // Those before it may wait for longer.
            Some(deadline) => match timeout_at(deadline, queue).await {
                Ok(turn) => turn,
                Err(_) => return Err(self.none_free(self.waits().unwrap_or_default())),
            },
        };
        loop {
            let taken = {
                let (mut budget, passed) = self.shared.purse.budget();
                budget.take(weight, passed)
            };
            let most = match self.deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()).min(MOST_WAIT),
                None => MOST_WAIT,
            };
            let wait = match taken {
                Ok(()) => return Ok(()),
                Err(Wait::Shut(wait, is_ban)) if is_ban || wait > most => {
                    return Err(self.limited(wait, is_ban));
                }
                Err(Wait::Budget(wait)) if wait > most => return Err(self.none_free(wait)),
                Err(Wait::Shut(wait, _) | Wait::Budget(wait)) => wait,
            };
            self.shared.purse.waits_for(wait);
            tokio::time::sleep(wait).await;
        }
    }

    fn request(&self, ask: &Ask) -> Result<reqwest::RequestBuilder, FeedError> {
        let refuse = |detail: String| FeedError::Refused {
            venue: self.shared.venue.clone(),
            detail,
        };
        let mut url = if ask.path.contains("://") {
            ask.path.clone()
        } else {
            format!("{}{}", self.shared.base, ask.path)
        };
        for (index, (name, value)) in ask.query.iter().enumerate() {
            url.push(if index == 0 && !url.contains('?') {
                '?'
            } else {
                '&'
            });
            encode(name, &mut url);
            url.push('=');
            encode(value, &mut url);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| refuse(format!("'{name}' is not a header's name")))?;
            // The value may be a key: nothing of it is told.
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                refuse(format!(
                    "the key for the header {name} has characters that none has"
                ))
            })?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(self.shared.client.get(url).headers(headers))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, FeedError> {
        let declared_html = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(self.not_the_venue(format!("its answer is longer than {} MB", MOST_BYTES >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        if declared_html && response.status().is_success() {
            return Err(self.not_the_venue("it answered with a web page".to_owned()));
        }
        Ok(body)
    }

    fn believe(&self, headers: &HeaderMap) {
        let used = self
            .shared
            .used_weight_header
            .and_then(|name| headers.get(name)?.to_str().ok()?.trim().parse().ok());
        if let Some(used) = used {
            let (mut budget, passed) = self.shared.purse.budget();
            budget.told(used, passed);
        }
    }

    /// The time by this machine's clock, for dates and for what a venue still keeps.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.purse.now()
    }

    fn limited(&self, retry_after: Duration, is_ban: bool) -> FeedError {
        FeedError::RateLimited {
            venue: self.shared.venue.clone(),
            retry_after,
            is_ban,
        }
    }

    /// The status and the beginning of what was said with it.
    fn said(&self, answer: &Answer) -> String {
        let status = answer.status;
        if is_html(&answer.body) {
            return format!("{status} and a web page");
        }
        let text = self.secrets().blot(&String::from_utf8_lossy(&answer.body));
        let text: String = text
            .chars()
            .take(200)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if text.trim().is_empty() {
            status.to_string()
        } else {
            format!("{status}, {}", text.trim())
        }
    }

    fn none_free(&self, retry_after: Duration) -> FeedError {
        FeedError::NoneFree {
            venue: self.shared.venue.clone(),
            retry_after,
            limit: self.shared.limit.clone(),
            advice: self.shared.advice.clone(),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> FeedError {
        let detail = if error.is_timeout() {
            format!("no whole answer within {} s", TIME_OUT.as_secs())
        } else {
            cause(&error.without_url())
        };
        FeedError::Unreachable {
            venue: self.shared.venue.clone(),
            host: self.shared.host.clone(),
            detail,
        }
    }

    fn not_the_venue(&self, detail: String) -> FeedError {
        FeedError::NotTheVenue {
            venue: self.shared.venue.clone(),
            host: self.shared.host.clone(),
            detail,
        }
    }
}

/// `its limit on requests is 5 in 60 s`: of weight, where requests have some.
fn in_words(limits: &[Limit]) -> String {
    let each: Vec<String> = limits
        .iter()
        .map(|limit| format!("{} in {} s", limit.weight, limit.every.as_secs()))
        .collect();
    format!("its limit on requests is {}", each.join(" and "))
}

/// The innermost error: the outer ones only say that something failed.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// The host, and the port if there is one, of an address; nobody's name, nor a password.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// How long nobody is to ask after 429, `usual` unless it says, or 418, and whether it is a ban; `None` after any other status.
pub(crate) fn refused_for(
    status: u16,
    headers: &HeaderMap,
    usual: Duration,
    now: Timestamp,
) -> Option<(Duration, bool)> {
    let (is_ban, usual) = match status {
        418 => (true, USUAL_BAN),
        429 => (false, usual),
        _ => return None,
    };
    let said = retry_after(headers, now).or_else(|| reset(headers, now));
    Some((said.unwrap_or(usual), is_ban))
}

/// How far away the beginning of a new limit may be, in seconds.
const MOST_RESET_SECS: i64 = 3_600;

/// `X-RateLimit-Reset`, the second since 1970 at which the limit begins anew, as Alpaca tells it. Others tell seconds by this name,
/// which are no such second.
fn reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let at: i64 = headers
        .get("x-ratelimit-reset")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    // Such limits are by the minute; milliseconds, or what somebody between us says, is no second of this hour.
    let is_near = at > A_SECOND_OF_2001 && at.saturating_sub(now.secs()) <= MOST_RESET_SECS;
    is_near.then(|| until(at, now))
}

/// How long it is until a second since 1970 that a venue names: a second at least, and nobody means more than a week.
pub(crate) fn until(secs: i64, now: Timestamp) -> Duration {
    let left = secs.saturating_sub(now.secs()).clamp(1, MOST_SECS as i64);
    Duration::from_secs(left.unsigned_abs())
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3); a second at least.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse::<u64>() {
        return Some(Duration::from_secs(secs.clamp(1, MOST_SECS)));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(until(date.timestamp(), now))
}

/// Percent-encodes all but the unreserved characters (RFC 3986, 2.3).
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte.into());
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            into.push('%');
            into.push(DIGITS[usize::from(byte >> 4)].into());
            into.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
}
