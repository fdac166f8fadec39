//! Dialling: resolve an address, connect, and learn which versions the broker supports.
//!
//! The ApiVersions exchange follows KIP-35 and KIP-511. The first request has the newest version
//! that is known here. A broker that does not know this version answers error 35 in the format of
//! version 0, and names its newest version.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use linger_core::address::Address;
use linger_protocol::frame::{FrameDecoder, FrameError, encode_request};
use linger_protocol::messages::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use linger_protocol::{ApiKey, DecodeError, ErrorCode, Message, Reader, Request};
use tokio::net::TcpStream;

use crate::transport::Transport;

/// The largest ApiVersions response that is read, in bytes. Apache Kafka's has a few hundred bytes.
const API_VERSIONS_FRAME_MAX: usize = 256 * 1024;

/// How many versions of ApiVersions are tried before the peer counts as no Kafka broker.
const ATTEMPTS_MAX: i32 = 3;

/// A connection that is ready for requests.
pub(crate) struct Dialed {
    pub(crate) transport: Transport,
    /// The APIs and versions that the broker supports.
    pub(crate) versions: Vec<ApiVersion>,
}

/// Why a broker could not be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("cannot resolve {address}: {source}")]
    Resolve { address: Address, source: io::Error },
    #[error("{address} resolves to no address")]
    NoAddress { address: Address },
    #[error("cannot connect to {address}: {source}")]
    Connect { address: Address, source: io::Error },
    #[error("no connection to {address} within {timeout:?}")]
    Timeout { address: Address, timeout: Duration },
    #[error(
        "{address} closed the connection during the ApiVersions exchange: a TLS listener, \
         or a broker older than Apache Kafka 0.10? ({source})"
    )]
    Exchange { address: Address, source: io::Error },
    #[error("{address} does not answer as a Kafka broker: {reason}")]
    NotKafka { address: Address, reason: String },
}

/// Connects to `address` within `timeout`. Tries each address that the host name resolves to.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(crate) async fn dial(address: &Address, client_id: &str, timeout: Duration) -> Result<Dialed, DialError> {
    let attempt = async {
        let mut transport = connect(address).await?;
        let versions = exchange_versions(&mut transport, address, client_id).await?;
        Ok(Dialed { transport, versions })
    };
    match tokio::time::timeout(timeout, attempt).await {
        Ok(dialed) => dialed,
        Err(_) => Err(DialError::Timeout {
            address: address.clone(),
            timeout,
        }),
    }
}

async fn connect(address: &Address) -> Result<Transport, DialError> {
    let failed = |source| DialError::Connect {
        address: address.clone(),
        source,
    };
    #[cfg(test)]
    if let Some(connected) = crate::transport::memory::connect(address) {
        return connected.map_err(failed);
    }
    let candidates = tokio::net::lookup_host((&*address.host, address.port))
        .await
        .map_err(|source| DialError::Resolve {
            address: address.clone(),
            source,
        })?;
    let mut failure = DialError::NoAddress {
        address: address.clone(),
    };
    for candidate in candidates {
        match TcpStream::connect(candidate).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(failed)?;
                return Ok(Transport::tcp(stream));
            }
            Err(source) => failure = failed(source),
        }
    }
    Err(failure)
}

async fn exchange_versions(
    transport: &mut Transport,
    address: &Address,
    client_id: &str,
) -> Result<Vec<ApiVersion>, DialError> {
    let not_kafka = |reason: String| DialError::NotKafka {
        address: address.clone(),
        reason,
    };
    let request = ApiVersionsRequest {
        client_software_name: "linger".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
    };
    let mut version = *ApiVersionsRequest::VERSIONS.end();
    for correlation_id in 0..ATTEMPTS_MAX {
        let mut frame = Vec::new();
        encode_request(&mut frame, version, correlation_id, Some(client_id), &request);
        transport
            .write_all(&frame)
            .await
            .map_err(|source| DialError::Exchange {
                address: address.clone(),
                source,
            })?;
        let answer = read_frame(transport, address).await?;
        match parse_answer(&answer, version, correlation_id).map_err(|error| not_kafka(error.to_string()))? {
            Answer::Versions(versions) => return Ok(versions),
            Answer::Lower(known) if known < version => version = known,
            Answer::Lower(known) => {
                return Err(not_kafka(format!(
                    "it refuses ApiVersions {version} and offers {known} instead"
                )));
            }
        }
    }
    Err(not_kafka(format!(
        "it refused {ATTEMPTS_MAX} versions of ApiVersions"
    )))
}

async fn read_frame(transport: &mut Transport, address: &Address) -> Result<Bytes, DialError> {
    let mut decoder = FrameDecoder::new(API_VERSIONS_FRAME_MAX);
    loop {
        let frame = decoder
            .next_frame()
            .map_err(|error: FrameError| DialError::NotKafka {
                address: address.clone(),
                reason: error.to_string(),
            })?;
        if let Some(frame) = frame {
            return Ok(frame);
        }
        let failed = |source| DialError::Exchange {
            address: address.clone(),
            source,
        };
        if transport.read(decoder.buffer()).await.map_err(failed)? == 0 {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// A broker's answer to an ApiVersions request.
enum Answer {
    /// The versions that the broker supports.
    Versions(Vec<ApiVersion>),
    /// A refusal of the request's version, with the newest version of ApiVersions that the broker
    /// knows.
    Lower(i16),
}

#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    #[error("it answered correlation id {got} where {expected} was asked")]
    Correlation { got: i32, expected: i32 },
    #[error("it answered ApiVersions with {0}")]
    Refused(ErrorCode),
}

/// The header of this response has version 0 at every version, and error 35 comes in a body of
/// version 0.
///
/// A refusal whose body cannot be read counts as one too: some brokers refuse in another form, and
/// all know version 0.
fn parse_answer(frame: &Bytes, version: i16, expected: i32) -> Result<Answer, AnswerError> {
    let mut reader = Reader::new(frame);
    let got = reader.i32()?;
    if got != expected {
        return Err(AnswerError::Correlation { got, expected });
    }
    let mut peek = Reader::new(frame);
    peek.i32()?;
    let code = ErrorCode(peek.i16()?);
    let refused = code == ErrorCode::UNSUPPORTED_VERSION;
    if refused {
        let known = ApiVersionsResponse::decode(&mut reader, 0)
            .map_or_else(|_| Vec::new(), |response| response.api_keys);
        let own = known.iter().find(|api| api.api_key == ApiKey::ApiVersions as i16);
        // Brokers before 2.4 name no version; they know version 0.
        return Ok(Answer::Lower(own.map_or(0, |api| api.max_version)));
    }
    if code != ErrorCode::NONE {
        return Err(AnswerError::Refused(code));
    }
    Ok(Answer::Versions(
        ApiVersionsResponse::decode(&mut reader, version)?.api_keys,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_version_is_lowered_to_one_that_the_broker_knows() {
        // Apache Kafka: the body of version 0 with one entry.
        check(&[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3], Some(3));
        // Before 2.4: an empty one.
        check(&[0, 35, 0, 0, 0, 0], Some(0));
        // librdkafka's mock cluster: a count of one byte, and a throttle time.
        check(&[0, 35, 1, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0], Some(0));
        check(&[0, 35], Some(0));
        // After another error no lower version is tried.
        check(&[0, 42, 0, 0, 0, 0], None);
        check(&[0], None);
    }

    fn check(body: &[u8], lowered_to: Option<i16>) {
        let frame = Bytes::from([&[0, 0, 0, 7], body].concat());
        let lowered = match parse_answer(&frame, 4, 7) {
            Ok(Answer::Lower(known)) => Some(known),
            Ok(Answer::Versions(_)) | Err(_) => None,
        };
        assert_eq!(lowered, lowered_to, "{body:?}");
    }
}
