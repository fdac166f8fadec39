//! Text from bytes that should be UTF-8. U+FFFD replaces invalid bytes as in Java's decoder.
//!
//! Brokers and Java clients accept such strings. A decoder that refuses them would close
//! connections that Kafka keeps open.

use std::borrow::Cow;

/// The bytes as text. UTF-8 is borrowed. Other bytes are copied, and each may become three bytes.
#[inline(always)]
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(replaced(bytes)),
    }
}

#[cold]
fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.push_str(chunk.valid());
        rest = &rest[chunk.valid().len()..];
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &rest[malformed_len(rest, chunk.invalid().len())..];
        }
    }
    text
}

/// The number of bytes that one U+FFFD replaces. Java replaces a surrogate, whole or cut, by one
/// U+FFFD. Rust replaces each of its bytes. In all other cases both agree.
fn malformed_len(rest: &[u8], in_rust: usize) -> usize {
    match rest {
        [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
        [0xed, 0xa0..=0xbf, ..] => 2,
        _ => in_rust,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_borrowed() {
        for text in ["", "plain", "gr\u{fc}n \u{20ac} \u{1f600}", "\u{fffd}"] {
            assert!(matches!(text_of(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }

    // The wire test asks Apache Kafka about the same bytes.
    #[test]
    fn what_is_no_utf8_is_replaced_as_in_java() {
        let cases: [(&[u8], &str); 12] = [
            (b"a\x80b", "a?b"),
            (b"\xff\xfe", "??"),
            (b"a\xe2\x82b", "a?b"),
            (b"a\xe2\x82", "a?"),
            (b"\xc0\x80", "??"),
            (b"\xe0\x80\x80", "???"),
            (b"\xed\xa0\x80b", "?b"),
            (b"\xed\xa0\x80\xed\xb0\x80", "??"),
            (b"\xed\xa0b", "?b"),
            (b"\xed\xa0", "?"),
            (b"\xf0\x9f\x98b\xf0\x9f", "?b?"),
            (b"\xf4\x90\x80\x80\xf8", "?????"),
        ];
        for (bytes, text) in cases {
            assert_eq!(text_of(bytes), text.replace('?', "\u{fffd}"), "{bytes:02x?}");
        }
    }
}
