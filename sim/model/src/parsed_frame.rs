//! From a frame's bytes to a decoded request.
//!
//! Everything here costs time per byte and needs nothing of the cluster: connections do it in
//! parallel, before they hand the result to the model.

use bytes::Bytes;
use linger_protocol::header::RequestHeader;
use linger_protocol::{ApiKey, Reader, Str};

use crate::config::ExamineConfig;
use crate::handlers::{BatchCounts, Body};

/// A frame that was examined.
#[derive(Debug)]
pub struct Examined(pub(crate) ParsedFrame);

/// What a frame holds.
#[derive(Debug)]
pub(crate) enum ParsedFrame {
    Request(Box<Request>),
    /// ApiVersions in a version that is not spoken, which is answered all the same (KIP-511).
    UnsupportedApiVersions {
        correlation_id: i32,
    },
    /// Bytes for which Kafka closes the connection without an answer.
    Invalid {
        why: String,
    },
}

impl Examined {
    /// Returns what a produce request carries; `None` for any other request.
    pub fn produced(&self) -> Option<BatchCounts> {
        match &self.0 {
            ParsedFrame::Request(request) => request.body.batch_counts(),
            ParsedFrame::UnsupportedApiVersions { .. } | ParsedFrame::Invalid { .. } => None,
        }
    }

    /// Returns why the connection will be closed for these bytes; `None` if it will not be closed.
    pub fn refusal(&self) -> Option<&str> {
        match &self.0 {
            ParsedFrame::Invalid { why } => Some(why),
            ParsedFrame::Request(_) | ParsedFrame::UnsupportedApiVersions { .. } => None,
        }
    }
}

/// A decoded request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<Str>,
    pub(crate) body: Body,
}

/// Examines one frame, without its length prefix.
pub fn examine(frame: Bytes, config: &ExamineConfig) -> Examined {
    Examined(parse(&frame, config).unwrap_or_else(|why| ParsedFrame::Invalid { why }))
}

fn parse(frame: &Bytes, config: &ExamineConfig) -> Result<ParsedFrame, String> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader).map_err(|error| error.to_string())?;
    let (version, correlation_id) = (header.api_version, header.correlation_id);
    let api = ApiKey::try_from(header.api_key).map_err(|error| error.to_string())?;
    if !config.speaks(api, version) {
        return match api {
            ApiKey::ApiVersions => Ok(ParsedFrame::UnsupportedApiVersions { correlation_id }),
            api => Err(format!("{api} version {version} is not spoken here")),
        };
    }
    let body = Body::examine(api, &mut reader, version, config).map_err(|error| error.to_string())?;
    Ok(ParsedFrame::Request(Box::new(Request {
        api,
        version,
        correlation_id,
        client_id: header.client_id,
        body,
    })))
}
