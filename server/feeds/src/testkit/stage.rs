//! A venue on a stage: its market, its protocol and what goes wrong, without sockets.

use super::{Fault, Faults, Injected, TrueMarket, Truth, TruthEvent};
use crate::venue::{Channels, Frame};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Debug, time::Duration};

/// A request as it came in; that of a WebSocket's handshake too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// The path, decoded.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A `GET` of a path with a query, both decoded: `Request::get("/api/v3/klines", &[("symbol", "BTCUSDT")])`.
    #[must_use]
    pub fn get(path: &str, query: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.iter().map(pair).collect(),
            ..Self::default()
        }
    }

    /// A parameter of the query.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// A parameter of the query as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.param(name)?.parse().ok()
    }

    /// A header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait with it.
    pub delay: Duration,
    /// Whether the connection ends in the middle of the body.
    pub is_cut: bool,
}

impl Reply {
    /// JSON with a status.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", &value.to_string())
    }

    /// Text with a status.
    #[must_use]
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
            delay: Duration::ZERO,
            is_cut: false,
        }
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// One socket of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What a socket does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends a frame.
    Send(Frame),
    /// Closes with a code and a reason.
    Close(u16, String),
    /// Ends without a word.
    Cut,
    /// Stays open, and neither sends nor reads any more.
    Freeze,
}

/// How [`Mock::spoil`] changes a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spoil {
    /// Its checksum is wrong.
    Checksum,
    /// Its price is so many times what it is.
    Price(f64),
}

/// What a venue's protocol makes of the truth.
pub trait Mock: Debug + Send + 'static {
    /// Answers a request. `at` is the time since the stage began, for limits by the minute.
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply;

    /// Takes part in a new socket.
    ///
    /// # Errors
    /// The answer to the handshake when there is no stream at that address, or not with that key.
    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply>;

    /// The answer to a request that goes wrong as `fault` says, with what the venue writes into it.
    fn refuse(&self, fault: Fault, retry_after: Duration) -> Reply {
        let retry = retry_after.as_secs().to_string();
        match fault {
            Fault::RateLimit => {
                Reply::text(429, "text/plain", "Too Many Requests").with("retry-after", retry)
            }
            Fault::Ban => Reply::text(418, "text/plain", "I'm a teapot").with("retry-after", retry),
            Fault::Html => Reply::text(
                200,
                "text/html",
                "<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>",
            ),
            _ => Reply::text(503, "text/plain", "Service Unavailable"),
        }
    }

    /// The frame, spoiled; `None` when it has nothing of the kind.
    fn spoil(&self, _frame: &Frame, _how: Spoil) -> Option<Frame> {
        None
    }

    /// The body of an answer with a price so many times what it is; `None` when it has none.
    fn spoil_answer(&self, _body: &Value, _times: f64) -> Option<Value> {
        None
    }
}

/// One socket's side of a venue.
pub trait Conversation: Debug + Send {
    /// What it says at once.
    fn opened(&mut self, _truth: &Truth) -> Vec<Act> {
        Vec::new()
    }

    /// What it says to a client's frame. `at` is the time since the stage began.
    fn received(&mut self, frame: &Frame, truth: &Truth, at: Duration) -> Vec<Act>;

    /// The frames in which it tells what happened, if this socket listens to that. The truth is as it stands after the event.
    fn tell(&mut self, event: &TruthEvent, truth: &Truth) -> Vec<Frame>;

    /// What it says before it closes by itself.
    fn farewell(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    /// What this socket listens to of a symbol.
    fn listens(&self, market: &TrueMarket) -> Channels;
}

/// One socket as it stands.
#[derive(Debug)]
struct Line {
    conversation: Box<dyn Conversation>,
    /// A frame that the next one overtakes.
    overtaken: Option<Frame>,
    /// Held back until so many events have been told.
    stalled: Option<(u64, Vec<Act>)>,
    is_over: bool,
}

impl Line {
    /// Does this next, or later while the socket stalls: on one connection nothing overtakes.
    fn act(&mut self, next: impl IntoIterator<Item = Act>, acts: &mut Vec<Act>) {
        match &mut self.stalled {
            Some((_, held)) => held.extend(next),
            None => acts.extend(next),
        }
    }
}

/// A venue without sockets: its market, its protocol, and what goes wrong. A simulation calls it; [`super::Server`] puts it on
/// a port.
#[derive(Debug)]
pub struct Stage {
    /// The market.
    pub truth: Truth,
    /// What goes wrong.
    pub faults: Faults,
    /// Requests answered so far, whatever the answer, by path.
    pub requests: BTreeMap<String, u64>,
    mock: Box<dyn Mock>,
    lines: BTreeMap<SocketId, Line>,
    opened: u64,
    has_stream: bool,
}

impl Stage {
    /// A stage.
    #[must_use]
    pub fn new(truth: Truth, mock: impl Mock, faults: Faults) -> Self {
        Self {
            truth,
            faults,
            requests: BTreeMap::new(),
            mock: Box::new(mock),
            lines: BTreeMap::new(),
            opened: 0,
            has_stream: true,
        }
    }

    /// Refuses every handshake: the venue can only be asked.
    #[must_use]
    pub const fn without_stream(mut self) -> Self {
        self.has_stream = false;
        self
    }

    /// Sockets that are open.
    pub fn sockets(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.lines.keys().copied()
    }

    /// How many sockets have been opened since the beginning.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// What sockets that still speak listen to of a symbol, by its place in [`Truth::markets`].
    #[must_use]
    pub fn listened(&self, symbol: usize) -> Channels {
        self.lines
            .values()
            .filter(|line| !line.is_over)
            .map(|line| line.conversation.listens(&self.truth.markets[symbol]))
            .fold(Channels::default(), Channels::or)
    }

    /// Answers a request.
    pub fn request(&mut self, request: &Request, at: Duration) -> Reply {
        *self.requests.entry(request.path.clone()).or_default() += 1;
        let Some(fault) = self.faults.draw(&Fault::OF_REQUESTS, self.truth.told) else {
            return self.mock.answer(request, &self.truth, at);
        };
        if fault == Fault::AbsurdAnswer {
            return self.absurd(request, at);
        }
        self.note(fault, None, None, Some(&request.path));
        let retry_after = self.faults.retry_after;
        match fault {
            Fault::Slow => Reply {
                delay: self.faults.slow_by,
                ..self.mock.answer(request, &self.truth, at)
            },
            Fault::HalfAnswer => Reply {
                is_cut: true,
                ..self.mock.answer(request, &self.truth, at)
            },
            Fault::Trouble => Reply {
                status: [500, 502, 503][self.faults.below(3) as usize],
                ..self.mock.refuse(fault, retry_after)
            },
            _ => self.mock.refuse(fault, retry_after),
        }
    }

    /// The answer with a price that cannot be, where it has one.
    fn absurd(&mut self, request: &Request, at: Duration) -> Reply {
        let reply = self.mock.answer(request, &self.truth, at);
        let body = serde_json::from_slice(&reply.body).ok();
        let times = self.faults.absurdity();
        let Some(spoiled) = body.and_then(|body| self.mock.spoil_answer(&body, times)) else {
            return reply;
        };
        self.note(Fault::AbsurdAnswer, None, None, Some(&request.path));
        Reply {
            body: spoiled.to_string().into_bytes(),
            ..reply
        }
    }

    /// Opens a socket, and gives what it says at once.
    ///
    /// # Errors
    /// The answer to the handshake when the venue refuses it.
    pub fn connect(&mut self, request: &Request) -> Result<(SocketId, Vec<Act>), Reply> {
        if !self.has_stream {
            return Err(Reply::text(502, "text/plain", "Bad Gateway"));
        }
        let mut conversation = self.mock.connect(request)?;
        let acts = conversation.opened(&self.truth);
        self.opened += 1;
        let id = SocketId(self.opened);
        let line = Line {
            conversation,
            overtaken: None,
            stalled: None,
            is_over: false,
        };
        self.lines.insert(id, line);
        Ok((id, acts))
    }

    /// Takes a client's frame, and gives what the socket does about it.
    pub fn receive(&mut self, socket: SocketId, frame: &Frame, at: Duration) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Some(line) = self.lines.get_mut(&socket).filter(|line| !line.is_over) {
            let said = line.conversation.received(frame, &self.truth, at);
            line.act(said, &mut acts);
        }
        acts
    }

    /// Forgets a socket that has ended.
    pub fn disconnect(&mut self, socket: SocketId) {
        self.lines.remove(&socket);
    }

    /// Lets the next thing happen, and gives what each socket does about it; `None` when a recording is over.
    pub fn advance(&mut self) -> Option<Vec<(SocketId, Vec<Act>)>> {
        let event = self.truth.advance()?;
        let sockets: Vec<SocketId> = self.lines.keys().copied().collect();
        let mut all = Vec::new();
        for socket in sockets {
            let acts = self.tell(socket, &event);
            if !acts.is_empty() {
                all.push((socket, acts));
            }
        }
        Some(all)
    }

    fn tell(&mut self, socket: SocketId, event: &TruthEvent) -> Vec<Act> {
        let Some(line) = self.lines.get_mut(&socket).filter(|line| !line.is_over) else {
            return Vec::new();
        };
        let frames = line.conversation.tell(event, &self.truth);
        let told = self.truth.told;
        let mut acts = Vec::new();
        if let Some((_, held)) = line.stalled.take_if(|(until, _)| *until <= told) {
            acts.extend(held);
        }
        for frame in frames {
            match self.faults.draw(&Fault::OF_FRAMES, told) {
                Some(fault) => self.go_wrong(socket, fault, frame, event, &mut acts),
                None => self.send(socket, frame, &mut acts),
            }
        }
        acts
    }

    /// Sends a frame, or holds it back while the socket stalls.
    fn send(&mut self, socket: SocketId, frame: Frame, acts: &mut Vec<Act>) {
        let Some(line) = self.lines.get_mut(&socket).filter(|line| !line.is_over) else {
            return;
        };
        let frames = std::iter::once(frame).chain(line.overtaken.take());
        line.act(frames.map(Act::Send), acts);
    }

    fn go_wrong(
        &mut self,
        socket: SocketId,
        fault: Fault,
        frame: Frame,
        event: &TruthEvent,
        acts: &mut Vec<Act>,
    ) {
        let spoiled = match fault {
            Fault::Truncate => Some(self.truncated(&frame)),
            Fault::Garble => Some(self.garbled(&frame)),
            Fault::Checksum => self.mock.spoil(&frame, Spoil::Checksum),
            Fault::Absurd => self.mock.spoil(&frame, Spoil::Price(self.faults.absurdity())),
            _ => None,
        };
        if matches!(fault, Fault::Checksum | Fault::Absurd) && spoiled.is_none() {
            // It has nothing that could go wrong so.
            return self.send(socket, frame, acts);
        }
        self.note(fault, Some(socket), Some(event), None);
        if let Some(spoiled) = spoiled {
            return self.send(socket, spoiled, acts);
        }
        let until = self.truth.told + self.faults.stall_for;
        let Some(line) = self.lines.get_mut(&socket) else {
            return;
        };
        match fault {
            Fault::Reorder if line.overtaken.is_none() => line.overtaken = Some(frame),
            Fault::Duplicate => {
                self.send(socket, frame.clone(), acts);
                self.send(socket, frame, acts);
            }
            Fault::Stall => {
                line.stalled.get_or_insert((until, Vec::new()));
                self.send(socket, frame, acts);
            }
            Fault::Close => {
                acts.extend(line.conversation.farewell().into_iter().map(Act::Send));
                acts.push(Act::Close(1001, "going away".to_owned()));
                line.is_over = true;
            }
            Fault::Cut => {
                acts.push(Act::Cut);
                line.is_over = true;
            }
            Fault::HalfOpen => {
                acts.push(Act::Freeze);
                line.is_over = true;
            }
            // A gap, and a frame that would overtake one that has been overtaken.
            _ => {}
        }
    }

    fn truncated(&mut self, frame: &Frame) -> Frame {
        let length = self.faults.below(frame.bytes().len() as u64) as usize;
        match frame {
            Frame::Text(text) => Frame::Text(text[..floor_char_boundary(text, length)].to_owned()),
            Frame::Binary(bytes) => Frame::Binary(bytes[..length].to_vec()),
        }
    }

    fn garbled(&mut self, frame: &Frame) -> Frame {
        match frame {
            // A control character is not allowed anywhere in JSON.
            Frame::Text(text) => {
                let place = floor_char_boundary(text, self.faults.below(text.len() as u64) as usize);
                Frame::Text(format!("{}\u{1}{}", &text[..place], &text[place..]))
            }
            // The one byte that begins nothing in MessagePack.
            Frame::Binary(bytes) => Frame::Binary([&[0xc1], bytes.as_slice()].concat()),
        }
    }

    fn note(
        &mut self,
        fault: Fault,
        socket: Option<SocketId>,
        event: Option<&TruthEvent>,
        path: Option<&str>,
    ) {
        self.faults.injected.push(Injected {
            fault,
            told: self.truth.told,
            socket,
            event: event.cloned(),
            path: path.map(str::to_owned),
        });
    }
}

/// The fields of these names, anywhere in `value`, so many times what they are, be they numbers or numbers as text; `None` when none
/// is there.
pub(super) fn multiplied(value: &Value, names: &[&str], times: f64) -> Option<Value> {
    fn walk(value: &mut Value, names: &[&str], times: f64, count: &mut usize) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match multiplied_number(field, times).filter(|_| names.contains(&name.as_str())) {
                        Some(spoiled) => (*field, *count) = (spoiled, *count + 1),
                        None => walk(field, names, times, count),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, names, times, count)),
            _ => {}
        }
    }
    let (mut spoiled, mut count) = (value.clone(), 0);
    walk(&mut spoiled, names, times, &mut count);
    (count > 0).then_some(spoiled)
}

/// A number, or a number as text, so many times what it is.
pub(super) fn multiplied_number(value: &Value, times: f64) -> Option<Value> {
    match value {
        Value::Number(number) => Some((times * number.as_f64()?).into()),
        Value::String(text) => Some((times * text.parse::<f64>().ok()?).to_string().into()),
        _ => None,
    }
}

/// A frame of JSON in which the fields of these names are so many times what they are.
pub(super) fn multiplied_frame(frame: &Frame, names: &[&str], times: f64) -> Option<Frame> {
    let value = serde_json::from_slice(frame.bytes()).ok()?;
    Some(Frame::Text(multiplied(&value, names, times)?.to_string()))
}

fn floor_char_boundary(text: &str, mut place: usize) -> usize {
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}
