//! The macro that defines the structs of messages.
//!
//! A struct is defined once, and each field states its versions. The macro generates the struct,
//! its defaults, its encoder and its decoder:
//!
//! ```text
//! message! {
//!     /// Answers one topic.
//!     pub struct Example {
//!         /// Always there.
//!         pub name: Str => [0..],
//!         /// Null is allowed from version 4 on. Before, an empty value is sent instead.
//!         pub groups: Option<Vec<i32>> => [0..] nullable [4..],
//!         /// Versions 8 to 10 only; -1 elsewhere.
//!         pub operations: i32 => [8..=10] = -1,
//!         /// In the tagged section (KIP-482), and only if it differs from the default.
//!         pub leader: Leader => [10..] tag 0,
//!     }
//! }
//! ```

/// Defines a struct of a message; see above.
macro_rules! message {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {$(
            $(#[$field_meta:meta])*
            pub $field:ident: $type:ty => $versions:tt $(nullable $nullable:tt)? $(tag $tag:literal)? $(= $default:expr)?,
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {$(
            $(#[$field_meta])*
            #[doc = concat!("\n\nVersions `", stringify!($versions), "`.")]
            pub $field: $type,
        )*}

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: field_default!($($default)?),)* }
            }
        }

        impl $crate::primitives::Field for $name {
            fn write(&self, sink: &mut impl $crate::Sink, layout: $crate::primitives::Layout) {
                $(
                    if in_versions!(layout, $versions $($tag)?) {
                        write_field!(self.$field, sink, layout $(, $nullable)?);
                    }
                )*
                if layout.flexible {
                    let tagged = 0_u32 $(
                        + tagged_field!([$($tag)?] [$($default)?] $versions, self.$field, layout => 1, 0)
                    )*;
                    sink.put_uvarint(tagged);
                    $(
                        tagged_field!([$($tag)?] [$($default)?] $versions, self.$field, layout =>
                            $crate::primitives::write_tagged(sink, 0 $(+ $tag)?, &self.$field, layout), ()
                        );
                    )*
                }
            }

            fn read(
                reader: &mut $crate::Reader<'_>,
                layout: $crate::primitives::Layout,
            ) -> Result<Self, $crate::DecodeError> {
                $(
                    #[allow(unused_mut, reason = "only a tagged field is assigned again")]
                    let mut $field: $type = if in_versions!(layout, $versions $($tag)?) {
                        read_field!($name.$field: $type, reader, layout $(, $nullable)?)
                    } else {
                        field_default!($($default)?)
                    };
                )*
                if layout.flexible {
                    for _ in 0..reader.tagged_field_count()? {
                        let (tag, mut value) = reader.tagged_field()?;
                        let value = &mut value;
                        match tag {
                            $($(
                                $tag if tag_in_versions!(layout, $versions, $tag) => {
                                    $field = read_field!($name.$field: $type, value, layout);
                                }
                            )?)*
                            _ => {
                                let _ = value; // unknown: skipped
                            }
                        }
                    }
                }
                Ok(Self { $($field,)* })
            }

            fn read_over(
                &mut self,
                reader: &mut $crate::Reader<'_>,
                layout: $crate::primitives::Layout,
            ) -> Result<(), $crate::DecodeError> {
                $(
                    if in_versions!(layout, $versions $($tag)?) {
                        read_field_over!(self, $name.$field, reader, layout $(, $nullable)?);
                    } else {
                        self.$field = field_default!($($default)?);
                    }
                )*
                if layout.flexible {
                    for _ in 0..reader.tagged_field_count()? {
                        let (tag, mut value) = reader.tagged_field()?;
                        let value = &mut value;
                        match tag {
                            $($(
                                $tag if tag_in_versions!(layout, $versions, $tag) => {
                                    read_field_over!(self, $name.$field, value, layout);
                                }
                            )?)*
                            _ => {
                                let _ = value; // unknown: skipped
                            }
                        }
                    }
                }
                Ok(())
            }

            #[inline]
            fn size_min(layout: $crate::primitives::Layout) -> usize {
                let mut size = usize::from(layout.flexible);
                $(
                    if in_versions!(layout, $versions $($tag)?) {
                        size += <$type as $crate::primitives::Field>::size_min(layout);
                    }
                )*
                size
            }
        }
    )*};
}

macro_rules! field_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// Whether a field is written outside the tagged section. A field with a tag never is.
macro_rules! in_versions {
    ($layout:ident, [0..]) => {
        true
    };
    ($layout:ident, [$($versions:tt)*]) => {
        matches!($layout.version, $($versions)*)
    };
    ($layout:ident, [$($versions:tt)*] $tag:literal) => {
        false
    };
}

macro_rules! tag_in_versions {
    ($layout:ident, [$($versions:tt)*], $tag:literal) => {
        matches!($layout.version, $($versions)*)
    };
}

/// Evaluates the first expression if a tagged field differs from its default, else the second.
macro_rules! tagged_field {
    ([] $default:tt $versions:tt, $value:expr, $layout:ident => $differs:expr, $same:expr) => {
        $same
    };
    ([$tag:literal] [$($default:expr)?] $versions:tt, $value:expr, $layout:ident => $differs:expr, $same:expr) => {
        if tag_in_versions!($layout, $versions, $tag)
            && $crate::primitives::differ(&$value, &field_default!($($default)?))
        {
            $differs
        } else {
            $same
        }
    };
}

macro_rules! write_field {
    ($value:expr, $sink:ident, $layout:ident) => {
        $crate::primitives::Field::write(&$value, $sink, $layout)
    };
    ($value:expr, $sink:ident, $layout:ident, [$($versions:tt)*]) => {
        if $crate::primitives::Nullable::is_null(&$value) && !matches!($layout.version, $($versions)*) {
            fn empty<T: $crate::primitives::Nullable>(_: &T) -> T {
                T::empty()
            }
            $crate::primitives::Field::write(&empty(&$value), $sink, $layout)
        } else {
            $crate::primitives::Field::write(&$value, $sink, $layout)
        }
    };
}

macro_rules! read_field {
    ($name:ident.$field:ident: $type:ty, $reader:ident, $layout:ident) => {
        <$type as $crate::primitives::Field>::read($reader, $layout)
            .map_err(|error| error.in_field(concat!(stringify!($name), ".", stringify!($field))))?
    };
    ($name:ident.$field:ident: $type:ty, $reader:ident, $layout:ident, [$($versions:tt)*]) => {{
        let start = $reader.position();
        let value = read_field!($name.$field: $type, $reader, $layout);
        if $crate::primitives::Nullable::is_null(&value) && !matches!($layout.version, $($versions)*) {
            let error = $reader.error_at(start, $crate::DecodeErrorKind::Null);
            return Err(error.in_field(concat!(stringify!($name), ".", stringify!($field))));
        }
        value
    }};
}

macro_rules! read_field_over {
    ($self:ident, $name:ident.$field:ident, $reader:ident, $layout:ident) => {
        $crate::primitives::Field::read_over(&mut $self.$field, $reader, $layout)
            .map_err(|error| error.in_field(concat!(stringify!($name), ".", stringify!($field))))?
    };
    ($self:ident, $name:ident.$field:ident, $reader:ident, $layout:ident, [$($versions:tt)*]) => {
        let start = $reader.position();
        read_field_over!($self, $name.$field, $reader, $layout);
        if $crate::primitives::Nullable::is_null(&$self.$field) && !matches!($layout.version, $($versions)*) {
            let error = $reader.error_at(start, $crate::DecodeErrorKind::Null);
            return Err(error.in_field(concat!(stringify!($name), ".", stringify!($field))));
        }
    };
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::messages::*;
    use crate::{DecodeError, DecodeErrorKind, ErrorCode, Message, Reader, RecordSet, Request};

    fn encoded(message: &impl Message, version: i16) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes, version);
        bytes
    }

    fn decoded<M: Message>(bytes: &[u8], version: i16) -> Result<M, DecodeError> {
        M::decode(&mut Reader::new(&Bytes::copy_from_slice(bytes)), version)
    }

    fn partition(leader: LeaderIdAndEpoch) -> PartitionProduceResponse {
        PartitionProduceResponse {
            error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
            current_leader: leader,
            ..PartitionProduceResponse::default()
        }
    }

    fn response(partition: PartitionProduceResponse) -> ProduceResponse {
        ProduceResponse {
            responses: vec![TopicProduceResponse {
                name: "t".into(),
                partition_responses: vec![partition],
            }],
            ..ProduceResponse::default()
        }
    }

    #[test]
    fn a_version_outside_the_api_is_refused() {
        for version in [i16::MIN, -1, 2, 13, i16::MAX] {
            let error = decoded::<ProduceRequest>(&[0; 64], version).expect_err("not spoken");
            assert_eq!(
                error.kind,
                DecodeErrorKind::UnsupportedVersion {
                    version,
                    min: 3,
                    max: 12
                }
            );
        }
        assert_eq!(ProduceRequest::VERSIONS, 3..=12);
        assert_eq!(ProduceRequest::FLEXIBLE_FROM, 9);
    }

    #[test]
    fn fields_that_a_version_lacks_are_left_out_and_come_back_as_defaults() {
        let leader = LeaderIdAndEpoch {
            leader_id: 3,
            leader_epoch: 9,
        };
        let told = response(partition(leader));
        assert_eq!(
            decoded::<ProduceResponse>(&encoded(&told, 10), 10),
            Ok(told.clone())
        );
        let untold = response(partition(LeaderIdAndEpoch::default()));
        assert_eq!(decoded::<ProduceResponse>(&encoded(&told, 9), 9), Ok(untold));
    }

    #[test]
    fn a_tagged_field_at_its_default_is_not_sent() {
        let silent = encoded(&response(partition(LeaderIdAndEpoch::default())), 10);
        let told = encoded(
            &response(partition(LeaderIdAndEpoch {
                leader_id: 3,
                leader_epoch: -1,
            })),
            10,
        );
        assert_eq!(
            told.len() - silent.len(),
            2 + 9,
            "tag, size, two integers and the count of tags"
        );
    }

    #[test]
    fn a_known_tagged_field_cannot_reach_beyond_its_size() {
        let mut bytes = encoded(
            &response(partition(LeaderIdAndEpoch {
                leader_id: 3,
                leader_epoch: 4,
            })),
            10,
        );
        let size = bytes
            .windows(2)
            .rposition(|pair| pair == [0, 9])
            .expect("tag 0 of 9 bytes")
            + 1;
        bytes[size] = 7;
        let error = decoded::<ProduceResponse>(&bytes, 10).expect_err("7 bytes hold no leader");
        assert_eq!(error.field, "LeaderIdAndEpoch.leader_epoch");
        assert_eq!(
            error.kind,
            DecodeErrorKind::Truncated {
                needed: 4,
                remaining: 3
            }
        );
    }

    #[test]
    fn of_a_repeated_tagged_field_the_last_counts() {
        let features = [0, 0, 1, 0, 0, 0, 0]; // no error, no APIs, no throttling; then the tags
        let tagged = [
            &features[..2],
            &[1],
            &features[2..6],
            &[2, 1, 8],
            &[0; 8],
            &[1, 8],
            &[0; 7],
            &[5],
        ]
        .concat();
        let response = decoded::<ApiVersionsResponse>(&tagged, 3).expect("allowed");
        assert_eq!(response.finalized_features_epoch, 5);
    }

    #[test]
    fn null_is_refused_where_the_version_has_none() {
        let field = |error: DecodeError| (error.field, error.kind);
        let null = decoded::<MetadataRequest>(&[0xff; 4], 0).expect_err("v0 has no null");
        assert_eq!(field(null), ("MetadataRequest.topics", DecodeErrorKind::Null));
        assert_eq!(
            decoded::<MetadataRequest>(&[0xff; 4], 1).expect("v1 has").topics,
            None
        );
        let null =
            decoded::<MetadataRequest>(&[2, 0, 1, 0, 0, 0], 9).expect_err("a name is needed until v10");
        assert_eq!(field(null), ("MetadataRequestTopic.name", DecodeErrorKind::Null));
        let null = decoded::<ProduceRequest>(&[0, 0, 1, 0, 0, 0, 9, 0, 0], 9).expect_err("topics are needed");
        assert_eq!(field(null), ("ProduceRequest.topic_data", DecodeErrorKind::Null));
    }

    #[test]
    fn where_a_version_has_no_null_an_empty_value_is_sent() {
        let all = MetadataRequest {
            topics: None,
            ..MetadataRequest::default()
        };
        assert_eq!(encoded(&all, 0), [0, 0, 0, 0], "which means all topics in v0");
        assert_eq!(encoded(&all, 1), [0xff; 4]);
    }

    #[test]
    fn records_are_null_empty_or_a_slice_of_the_frame() {
        let body = |records: &[u8]| {
            [
                &[0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, b't'],
                &[0, 0, 0, 1][..],
                &[0, 0, 0, 5],
                records,
            ]
            .concat()
        };
        let records = |bytes: &[u8]| {
            let frame = Bytes::copy_from_slice(&body(bytes));
            let request = ProduceRequest::decode(&mut Reader::new(&frame), 3).expect("well formed");
            let records = request.topic_data[0].partition_data[0].records.clone();
            let shared = records
                .as_ref()
                .is_some_and(|set| frame.as_ptr_range().contains(&set.body.as_ptr()));
            (records, shared)
        };
        assert_eq!(records(&[0xff, 0xff, 0xff, 0xff]).0, None);
        assert_eq!(records(&[0, 0, 0, 0]).0, Some(RecordSet::default()));
        assert_eq!(
            records(&[0, 0, 0, 2, 7, 8]),
            (Some(Bytes::from_static(&[7, 8]).into()), true)
        );
    }

    #[test]
    fn bytes_behind_a_body_are_left_to_the_caller() {
        let frame = Bytes::from([encoded(&InitProducerIdRequest::default(), 2), vec![1, 2, 3]].concat());
        let mut reader = Reader::new(&frame);
        assert_eq!(
            InitProducerIdRequest::decode(&mut reader, 2),
            Ok(InitProducerIdRequest::default())
        );
        assert_eq!(reader.remaining(), 3);
    }

    #[test]
    fn a_string_too_long_for_its_length_keeps_the_frame_whole() {
        let key = |text: String| FindCoordinatorRequest {
            key: text.into(),
            ..FindCoordinatorRequest::default()
        };
        let long = key("é".repeat(20_000));
        let cut = decoded::<FindCoordinatorRequest>(&encoded(&long, 2), 2).expect("well formed");
        assert_eq!(cut, key("é".repeat(16_383)));
        assert_eq!(decoded(&encoded(&long, 3), 3), Ok(long));
    }
}
