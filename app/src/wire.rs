//! How the pages' data travels: as JSON, which the browser reads through [`papertape::model::json::read`] and nothing else, so
//! that the client holds the code that reads a type once.

use leptos::prelude::*;
use leptos::server::codee::{Decoder, Encoder};
use leptos::server_fn::codec::Post;
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use papertape::model::json::{ReadError, read};
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;

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

impl<T: Serialize> Encoder<T> for Wire {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, Self::Error> {
        serde_json::to_string(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Wire {
    type Error = ReadError;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, ReadError> {
        read(text)
    }
}

/// What a page reads: by the server while it renders, by the browser from then on, whenever `source` changes.
pub(crate) fn resource<S, T, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetch: impl Fn(S) -> F + Send + Sync + 'static,
) -> Resource<T, Wire>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetch, false)
}
