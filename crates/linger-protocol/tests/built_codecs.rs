//! A codec works if its cargo feature is on, and is refused by name if it is off. Holds for every
//! set of features.

use linger_protocol::records::{Codec, Compression, CompressionError, DecompressError, Scratch, decompress};

#[test]
fn a_codec_works_or_is_refused_by_the_name_of_its_feature() {
    let input = b"the same words ".repeat(100);
    for compression in Compression::ALL {
        let codec = compression.codec();
        if codec == Codec::None {
            assert!(codec.is_built());
            continue;
        }
        let mut scratch = Scratch::new();
        let compressed = scratch.compress(compression, &input);
        if codec.is_built() {
            assert_eq!(compression.validate(), Ok(()));
            let compressed = compressed.expect("repeated words become smaller");
            assert_eq!(decompress(codec, compressed, input.len()).as_ref(), Ok(&input));
            continue;
        }
        assert_eq!(compressed, None);
        let refused = compression.validate().expect_err("the feature is off");
        assert_eq!(refused, CompressionError::NotBuilt { codec });
        let unread = decompress(codec, &input, input.len()).expect_err("the feature is off");
        assert_eq!(unread, DecompressError::NotBuilt { codec });
        for message in [refused.to_string(), unread.to_string()] {
            assert!(
                message.contains(&format!("cargo feature \"{codec}\"")),
                "{message}"
            );
        }
    }
}

/// The features are read here and not from `Codec::is_built`, which is under test.
#[test]
fn the_features_decide_which_codecs_are_built() {
    let features = [
        (Codec::None, true),
        (Codec::Gzip, cfg!(feature = "gzip")),
        (Codec::Snappy, cfg!(feature = "snappy")),
        (Codec::Lz4, cfg!(feature = "lz4")),
        (Codec::Zstd, cfg!(feature = "zstd")),
    ];
    assert_eq!(features.map(|(codec, _)| codec), Codec::ALL);
    for (codec, on) in features {
        assert_eq!(codec.is_built(), on, "{codec}");
    }
}
