//! How the pages' data travels: as JSON, which the browser reads through [`papertape::model::json::read`] and nothing else, so
//! that the client holds the code that reads a type once.
#![allow(
    clippy::result_large_err,
    reason = "a problem is as large as its words, made once per failed call"
)]

use crate::erased::effect;
use crate::functions::Problem;
use leptos::prelude::*;
use leptos::server::codee::{Decoder, Encoder};
use leptos::server_fn::codec::Post;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use papertape::model::json::{ReadError, read};
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

/// The encoding of the server functions, and of what a page is rendered with.
#[derive(Debug)]
pub struct Wire;

/// Arguments and answers of server functions, in the body of a `POST`.
pub(crate) type Wired = Post<Wire>;

impl ContentType for Wire {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Wire {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Wire {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Wire {
    type Error = ReadError;

    fn decode(bytes: Bytes) -> Result<T, ReadError> {
        // What is not text is not JSON either, and the reader says so.
        read(&String::from_utf8_lossy(&bytes))
    }
}

/// What pages read.
pub(crate) trait Content: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Content for T {}

/// What a page has read, without its type: all that waits for it is compiled once and not once a page.
#[derive(Clone)]
enum Parcel {
    /// As JSON: what the server renders from, and what the browser finds in the page.
    Text(Arc<str>),
    /// What the browser has fetched.
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the server renders from JSON"))]
    Value(Arc<dyn Any + Send + Sync>),
}

impl Parcel {
    /// The server renders from what the browser will read, so both draw the same.
    #[cfg(feature = "ssr")]
    fn of<T: Content>(answer: Result<T, Problem>) -> Self {
        Self::Text(serde_json::to_string(&answer).unwrap_or_default().into())
    }

    #[cfg(not(feature = "ssr"))]
    fn of<T: Content>(answer: Result<T, Problem>) -> Self {
        Self::Value(Arc::new(answer))
    }

    fn open<T: Content>(&self) -> Result<T, Problem> {
        let unreadable = |cause: String| {
            Err(Problem::from_server_fn_error(ServerFnErrorErr::Deserialization(
                cause,
            )))
        };
        match self {
            Self::Text(text) => read(text).unwrap_or_else(|cause| unreadable(cause.to_string())),
            Self::Value(value) => value
                .downcast_ref::<Result<T, Problem>>()
                .cloned()
                .unwrap_or_else(|| unreadable("not what was asked for".to_owned())),
        }
    }
}

impl Encoder<Parcel> for Wire {
    type Error = Infallible;
    type Encoded = String;

    fn encode(parcel: &Parcel) -> Result<String, Infallible> {
        Ok(match parcel {
            Parcel::Text(text) => text.as_ref().to_owned(),
            Parcel::Value(_) => String::new(),
        })
    }
}

impl Decoder<Parcel> for Wire {
    type Error = Infallible;
    type Encoded = str;

    fn decode(text: &str) -> Result<Parcel, Infallible> {
        Ok(Parcel::Text(text.into()))
    }
}

/// What a page reads: awaited where it is shown.
#[derive(Debug)]
pub(crate) struct Reading<T> {
    parcel: Resource<Parcel, Wire>,
    content: PhantomData<fn() -> T>,
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Reading<T> {}

impl<T> Reading<T> {
    /// Reads again.
    pub(crate) fn refetch(self) {
        self.parcel.refetch();
    }
}

impl<T: Content> IntoFuture for Reading<T> {
    type Output = Result<T, Problem>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let parcel = self.parcel.into_future();
        Box::pin(async move { parcel.await.open() })
    }
}

/// What a page reads: by the server while it renders, by the browser from then on, whenever `source` changes.
pub(crate) fn resource<S, T, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetch: impl Fn(S) -> F + Send + Sync + 'static,
) -> Reading<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Content,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    type Source<S> = Box<dyn Fn() -> S + Send + Sync>;
    type Fetch<S> = Box<dyn Fn(S) -> Pin<Box<dyn Future<Output = Parcel> + Send>> + Send + Sync>;
    fn of<S>(source: Source<S>, fetch: Fetch<S>) -> Resource<Parcel, Wire>
    where
        S: PartialEq + Clone + Send + Sync + 'static,
    {
        Resource::new_with_options(source, fetch, false)
    }
    let fetch = move |source| {
        let answer = fetch(source);
        Box::pin(async move { Parcel::of(answer.await) }) as Pin<Box<dyn Future<Output = Parcel> + Send>>
    };
    Reading {
        parcel: of(Box::new(source), Box::new(fetch)),
        content: PhantomData,
    }
}

/// What a part of a page asks for when it is opened in the browser, and again when what `ask` reads has changed; `None` until
/// the first answer. The page does not wait for it: waiting takes a page's nodes out of the document and puts them back, and a
/// dialog that is open does not survive that.
pub(crate) fn asked<T, F>(ask: impl Fn() -> F + 'static) -> ReadSignal<Option<Result<T, Problem>>>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T, Problem>> + 'static,
{
    let (answer, set_answer) = signal(None);
    let asked = StoredValue::new(0_u32);
    effect(move || {
        let number = asked.try_update_value(|asked| {
            *asked += 1;
            *asked
        });
        let request = ask();
        leptos::task::spawn_local(async move {
            let given = request.await;
            // The answer to an earlier question may come last; the part may be gone.
            if asked.try_get_value() == number {
                set_answer.try_set(Some(given));
            }
        });
    });
    answer
}
