//! Zigzag LEB128, the integers inside records.
//!
//! The lengths of flexible message versions are *unsigned* LEB128, which the reader and the sink
//! implement.

/// Largest size of a 32-bit varint, in bytes.
const BYTES_MAX_32: usize = 5;
/// Largest size of a 64-bit varint, in bytes.
const BYTES_MAX_64: usize = 10;

/// Why an integer could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VarintError {
    /// The bytes end inside the integer.
    Cut,
    /// The last allowed byte says that another byte follows.
    TooLong,
}

/// Maps small negative and positive numbers to small unsigned ones.
#[inline(always)]
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bytes that `value` takes, as 32- or 64-bit varint alike.
#[inline(always)]
pub(crate) const fn size(value: i64) -> usize {
    // ceil(bits / 7) without a division; right for every count of bits from 1 to 64.
    (((70 - (zigzag(value) | 1).leading_zeros()) * 37) >> 8) as usize
}

/// Writes `value` into `bytes` from `at` and returns the position after it.
#[inline(always)]
pub(crate) fn put<const N: usize>(bytes: &mut [u8; N], mut at: usize, value: i64) -> usize {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        bytes[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    bytes[at] = rest as u8;
    at + 1
}

/// Reads a 32-bit varint from the front of `bytes` and moves `bytes` past it.
///
/// Padding is accepted as Kafka accepts it, and bits beyond the 32nd are dropped.
#[inline(always)]
pub(crate) fn take_32(bytes: &mut &[u8]) -> Result<i32, VarintError> {
    let unsigned = match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            u32::from(a)
        }
        [a, b, ref rest @ ..] if b < 0x80 => {
            *bytes = rest;
            u32::from(a & 0x7f) | u32::from(b) << 7
        }
        _ => take_long(bytes, BYTES_MAX_32)? as u32,
    };
    Ok(unzigzag_32(unsigned))
}

/// Undoes [`zigzag`] for 32 bits.
#[inline(always)]
pub(crate) const fn unzigzag_32(unsigned: u32) -> i32 {
    (unsigned >> 1) as i32 ^ -((unsigned & 1) as i32)
}

/// Reads a 32-bit varint of any size at `at`. Returns its value, still zigzagged, and the position
/// after it. The position is 0 if there is no valid varint. Both are returned in registers.
#[inline(never)]
pub(crate) fn long_32(bytes: &[u8], at: usize) -> (u32, usize) {
    let mut rest = bytes.get(at..).unwrap_or_default();
    match take_long(&mut rest, BYTES_MAX_32) {
        Ok(value) => (value as u32, bytes.len() - rest.len()),
        Err(_) => (0, 0),
    }
}

/// Reads a 64-bit varint from the front of `bytes` and moves `bytes` past it.
#[inline(always)]
pub(crate) fn take_64(bytes: &mut &[u8]) -> Result<i64, VarintError> {
    let unsigned = match **bytes {
        [a, ref rest @ ..] if a < 0x80 => {
            *bytes = rest;
            u64::from(a)
        }
        _ => take_long(bytes, BYTES_MAX_64)?,
    };
    Ok((unsigned >> 1) as i64 ^ -((unsigned & 1) as i64))
}

fn take_long(bytes: &mut &[u8], bytes_max: usize) -> Result<u64, VarintError> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(bytes_max) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(if bytes.len() < bytes_max {
        VarintError::Cut
    } else {
        VarintError::TooLong
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: i64) -> Vec<u8> {
        let mut bytes = [0; 16];
        let end = put(&mut bytes, 0, value);
        bytes[..end].to_vec()
    }

    #[test]
    fn every_power_of_two_and_its_neighbours_come_back() {
        let mut values = vec![0, i64::MIN, i64::MAX];
        for shift in 0..63 {
            for near in [-1, 0, 1] {
                values.push((1i64 << shift).wrapping_add(near));
                values.push((1i64 << shift).wrapping_add(near).wrapping_neg());
            }
        }
        for value in values {
            let bytes = written(value);
            assert_eq!(bytes.len(), size(value), "size of {value}");
            let mut rest = &bytes[..];
            assert_eq!(take_64(&mut rest), Ok(value));
            assert!(rest.is_empty());
            if let Ok(narrow) = i32::try_from(value) {
                let mut rest = &bytes[..];
                assert_eq!(take_32(&mut rest), Ok(narrow));
                assert!(rest.is_empty());
            }
            for cut in 0..bytes.len() {
                assert_eq!(
                    take_64(&mut &bytes[..cut]),
                    Err(VarintError::Cut),
                    "{value} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_sixth_or_eleventh_byte_is_refused() {
        assert_eq!(take_32(&mut &[0x80; 5][..]), Err(VarintError::TooLong));
        assert_eq!(take_64(&mut &[0xff; 10][..]), Err(VarintError::TooLong));
        assert_eq!(take_32(&mut &[0x80; 4][..]), Err(VarintError::Cut));
        assert_eq!(take_64(&mut &[0xff; 9][..]), Err(VarintError::Cut));
    }

    #[test]
    fn padding_is_accepted() {
        assert_eq!(take_32(&mut &[0x82, 0x80, 0x80, 0x80, 0x00][..]), Ok(1));
        assert_eq!(take_64(&mut &[0x81, 0x80, 0x00][..]), Ok(-1));
    }
}
