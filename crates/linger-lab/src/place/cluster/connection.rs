//! A blocking connection to a broker: one request, then its response, in the newest version that
//! both sides know. Every wait has a limit.
//!
//! The producer has its own connections. This one manages topics and reads the log back.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use linger_protocol::frame::{FrameDecoder, REQUEST_SIZE_MAX, encode_request};
use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use linger_protocol::{ApiKey, Bytes, ErrorCode, Message, Reader, Request};

use super::error::RemoteError;

/// How long a broker may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a broker may take to respond.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest response: a batch as large as the largest request, and its framing.
const ANSWER_SIZE_MAX: usize = REQUEST_SIZE_MAX + (1 << 20);

/// Bytes to read at once.
const READ_SIZE: usize = 64 << 10;

/// `client.id`.
const CLIENT_ID: &str = "sim-compare";

/// The first version of ApiVersions that has the client's software and the cluster's features.
const WITH_FEATURES: i16 = 3;

/// A connection whose broker has told its versions.
pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    decoder: FrameDecoder,
    versions: Vec<ApiVersion>,
    /// The finalized `metadata.version` of the cluster, if it tells.
    metadata_version: Option<i16>,
    correlation_id: i32,
}

impl Connection {
    /// Connects to `host:port`, and asks for the versions.
    pub(crate) fn open(address: &str) -> Result<Self, RemoteError> {
        let stream = connect(address).map_err(|error| RemoteError::Connect {
            address: address.to_owned(),
            error,
        })?;
        let mut connection = Self {
            address: address.to_owned(),
            stream,
            decoder: FrameDecoder::new(ANSWER_SIZE_MAX),
            versions: Vec::new(),
            metadata_version: None,
            correlation_id: 0,
        };
        let answer = connection.api_versions()?;
        let feature = |feature: &&_| -> bool {
            let feature: &linger_protocol::messages::FinalizedFeatureKey = feature;
            &*feature.name == "metadata.version"
        };
        let found = answer.finalized_features.iter().find(feature);
        connection.metadata_version = found.map(|feature| feature.max_version_level);
        connection.versions = answer.api_keys;
        Ok(connection)
    }

    /// The cluster's `metadata.version`; `None` before KRaft.
    pub(crate) fn metadata_version(&self) -> Option<i16> {
        self.metadata_version
    }

    /// The newest version of an API that both sides know.
    pub(crate) fn version_of(&self, api: ApiKey) -> Result<i16, RemoteError> {
        let (least, most) = api.versions().into_inner();
        let spoken = self.versions.iter().find(|range| range.api_key == api as i16);
        spoken
            .map(|range| (range.min_version.max(least), range.max_version.min(most)))
            .filter(|(least, most)| least <= most)
            .map(|(_, newest)| newest)
            .ok_or_else(|| RemoteError::Version {
                address: self.address.clone(),
                api,
                least,
                most,
            })
    }

    /// Sends a request and waits for the response.
    pub(crate) fn ask<R: Request>(&mut self, request: &R) -> Result<R::Response, RemoteError> {
        let version = self.version_of(R::KEY)?;
        let frame = self.exchange(version, request)?;
        self.read(version, R::KEY, &frame)
    }

    /// Asks for the versions in the newest form, and again in the oldest if the broker refuses it.
    fn api_versions(&mut self) -> Result<ApiVersionsResponse, RemoteError> {
        let request = ApiVersionsRequest {
            client_software_name: "linger-sim".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let frame = self.exchange(WITH_FEATURES, &request)?;
        // UNSUPPORTED_VERSION always comes in version 0: correlation id, then code.
        let code = frame
            .get(4..6)
            .map_or(0, |code| i16::from_be_bytes([code[0], code[1]]));
        if code != ErrorCode::UNSUPPORTED_VERSION.0 {
            return self.read(WITH_FEATURES, ApiKey::ApiVersions, &frame);
        }
        let frame = self.exchange(0, &request)?;
        self.read(0, ApiKey::ApiVersions, &frame)
    }

    fn exchange<R: Request>(&mut self, version: i16, request: &R) -> Result<Bytes, RemoteError> {
        self.correlation_id += 1;
        let mut frame = Vec::new();
        encode_request(&mut frame, version, self.correlation_id, Some(CLIENT_ID), request);
        let lost = |address: &str, error| RemoteError::Lost {
            address: address.to_owned(),
            api: R::KEY,
            error,
        };
        self.stream
            .write_all(&frame)
            .map_err(|error| lost(&self.address, error))?;
        let mut chunk = vec![0; READ_SIZE];
        loop {
            let whole = self.decoder.next_frame().map_err(|error| RemoteError::Frame {
                address: self.address.clone(),
                error,
            })?;
            if let Some(frame) = whole {
                return Ok(frame);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(lost(&self.address, io::ErrorKind::UnexpectedEof.into())),
                Ok(size) => self.decoder.buffer().extend_from_slice(&chunk[..size]),
                Err(error) => return Err(lost(&self.address, error)),
            }
        }
    }

    fn read<M: Message>(&self, version: i16, api: ApiKey, frame: &Bytes) -> Result<M, RemoteError> {
        let mut reader = Reader::new(frame);
        let answer = |error| RemoteError::Answer {
            address: self.address.clone(),
            api,
            error,
        };
        let header = ResponseHeader::decode(&mut reader, api, version).map_err(answer)?;
        if header.correlation_id != self.correlation_id {
            return Err(self.mismatch(api));
        }
        M::decode(&mut reader, version).map_err(answer)
    }

    /// The response is for another request, or lacks what was asked for.
    pub(crate) fn mismatch(&self, api: ApiKey) -> RemoteError {
        RemoteError::Mismatch {
            address: self.address.clone(),
            api,
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
