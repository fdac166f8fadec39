//! Request and response headers.
//!
//! A header has its own version, which follows from the API and the API's version. A flexible
//! header ends in tagged fields. There are two exceptions (KIP-511, KIP-482). The client id is
//! never a compact string. The response to ApiVersions never has tagged fields, because a client
//! reads the response before it knows the versions of the broker.

use crate::buffer::LengthForm;
use crate::primitives::write_str;
use crate::{ApiKey, DecodeError, Reader, Sink, Str};

/// The first fields of every request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHeader {
    /// The API key, which may be unknown to [`ApiKey`].
    pub api_key: i16,
    /// The version of the API, which this crate may not have.
    pub api_version: i16,
    /// The client chooses this number, and the response repeats it.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<Str>,
}

impl RequestHeader {
    /// Appends the header.
    pub fn encode(&self, sink: &mut impl Sink) {
        write_request_header(
            sink,
            self.api_key,
            self.api_version,
            self.correlation_id,
            self.client_id.as_deref(),
        );
    }

    /// Reads the header, including the tagged fields if the API is known to have them in this
    /// version.
    ///
    /// # Errors
    /// [`DecodeError`] if the frame ends within the header or the tagged fields are malformed.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let api_key = reader
            .i16()
            .map_err(|error| error.in_field("RequestHeader.api_key"))?;
        let api_version = reader
            .i16()
            .map_err(|error| error.in_field("RequestHeader.api_version"))?;
        let correlation_id = reader
            .i32()
            .map_err(|error| error.in_field("RequestHeader.correlation_id"))?;
        let client_id = reader
            .nullable_str(LengthForm::Short)
            .map_err(|error| error.in_field("RequestHeader.client_id"))?;
        if request_header_version(api_key, api_version) >= 2 {
            reader
                .skip_tagged_fields()
                .map_err(|error| error.in_field("RequestHeader tags"))?;
        }
        Ok(Self {
            api_key,
            api_version,
            correlation_id,
            client_id,
        })
    }
}

/// The first fields of every response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// The correlation id of the request that is answered.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Appends the header in the form that `version` of the API `key` has.
    #[inline]
    pub fn encode(self, sink: &mut impl Sink, key: ApiKey, version: i16) {
        sink.put_i32(self.correlation_id);
        if key.response_header_version(version) >= 1 {
            sink.put_uvarint(0);
        }
    }

    /// Reads the header in the form that `version` of the API `key` has.
    ///
    /// # Errors
    /// [`DecodeError`] if the frame ends within the header or its tagged fields are malformed.
    #[inline]
    pub fn decode(reader: &mut Reader<'_>, key: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = reader
            .i32()
            .map_err(|error| error.in_field("ResponseHeader.correlation_id"))?;
        if key.response_header_version(version) >= 1 {
            reader
                .skip_tagged_fields()
                .map_err(|error| error.in_field("ResponseHeader tags"))?;
        }
        Ok(Self { correlation_id })
    }
}

/// Returns the version of the request header: 2 where the API is flexible, else 1.
///
/// An ApiVersions request of an unknown version has a version 2 header as well. A broker can
/// therefore answer such a request (KIP-511).
pub fn request_header_version(api_key: i16, api_version: i16) -> i16 {
    ApiKey::try_from(api_key).map_or(1, |key| key.request_header_version(api_version))
}

#[inline]
pub(crate) fn write_request_header(
    sink: &mut impl Sink,
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) {
    sink.put_i16(api_key);
    sink.put_i16(api_version);
    sink.put_i32(correlation_id);
    match client_id {
        Some(client_id) => write_str(sink, LengthForm::Short, client_id),
        None => sink.put_i16(-1),
    }
    if request_header_version(api_key, api_version) >= 2 {
        sink.put_uvarint(0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn header(api_key: i16, api_version: i16) -> RequestHeader {
        RequestHeader {
            api_key,
            api_version,
            correlation_id: 7,
            client_id: Some("me".into()),
        }
    }

    #[test]
    fn the_client_id_is_never_compact() {
        let mut classic = Vec::new();
        header(ApiKey::Produce as i16, 8).encode(&mut classic);
        assert_eq!(classic, [0, 0, 0, 8, 0, 0, 0, 7, 0, 2, b'm', b'e']);
        let mut flexible = Vec::new();
        header(ApiKey::Produce as i16, 9).encode(&mut flexible);
        assert_eq!(flexible, [0, 0, 0, 9, 0, 0, 0, 7, 0, 2, b'm', b'e', 0]);
    }

    #[test]
    fn a_header_comes_back_and_tagged_fields_are_skipped() {
        let mut bytes = Vec::new();
        header(ApiKey::ApiVersions as i16, 99).encode(&mut bytes);
        bytes.pop();
        bytes.extend_from_slice(&[1, 5, 3, b'a', b'b', b'c', 0xee]);
        let frame = Bytes::from(bytes);
        let mut reader = Reader::new(&frame);
        assert_eq!(
            RequestHeader::decode(&mut reader),
            Ok(header(ApiKey::ApiVersions as i16, 99))
        );
        assert_eq!(reader.remaining(), 1);
    }

    #[test]
    fn a_client_id_may_be_null_empty_or_not_utf8() {
        let decode = |id: &[u8]| {
            let frame = Bytes::from([&[0, 3, 0, 0, 0, 0, 0, 7], id].concat());
            RequestHeader::decode(&mut Reader::new(&frame))
                .expect("tolerated")
                .client_id
        };
        assert_eq!(decode(&[0xff, 0xfe]), None);
        assert_eq!(decode(&[0, 0]).as_deref(), Some(""));
        assert_eq!(decode(&[0, 2, 0xff, b'a']).as_deref(), Some("\u{fffd}a"));
    }

    #[test]
    fn api_versions_is_answered_without_tagged_fields() {
        let mut bytes = Vec::new();
        ResponseHeader { correlation_id: 7 }.encode(&mut bytes, ApiKey::ApiVersions, 4);
        assert_eq!(bytes, [0, 0, 0, 7]);
        ResponseHeader { correlation_id: 7 }.encode(&mut bytes, ApiKey::Metadata, 9);
        assert_eq!(bytes[4..], [0, 0, 0, 7, 0]);
    }
}
