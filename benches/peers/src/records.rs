//! The keys and values that every client sends, in the same order.

use crate::workload::{Values, Workload};

/// Gives the key and the value of any record.
pub(crate) struct Records {
    values: Vec<Vec<u8>>,
    keys: u32,
}

/// The ten digits of a key.
pub(crate) type Key = [u8; 10];

impl Records {
    /// The records of a workload. JSON values are read from the file `VALUES_FILE`.
    pub(crate) fn of(workload: &Workload) -> Result<Self, String> {
        let values = match workload.values {
            Values::Constant => vec![vec![b'x'; workload.value_bytes]],
            Values::Json => {
                let file = std::env::var("VALUES_FILE")
                    .map_err(|_| "VALUES_FILE names no file: VALUES=json needs one")?;
                let text = std::fs::read(&file).map_err(|error| format!("VALUES_FILE={file}: {error}"))?;
                text.split(|&byte| byte == b'\n')
                    .filter(|line| !line.is_empty())
                    .map(<[u8]>::to_vec)
                    .collect()
            }
        };
        if values.is_empty() {
            return Err("the file that VALUES_FILE names has no line".into());
        }
        Ok(Self {
            values,
            keys: workload.keys,
        })
    }

    #[inline]
    pub(crate) fn value(&self, index: u64) -> &[u8] {
        match self.values.as_slice() {
            [only] => only,
            several => &several[index as usize % several.len()],
        }
    }

    /// All different values, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(Vec::as_slice)
    }

    /// The key of record `index`; `None` if the workload has no keys.
    #[inline]
    pub(crate) fn key(&self, index: u64) -> Option<Key> {
        if self.keys == 0 {
            return None;
        }
        let mut number = (index as u32).wrapping_mul(2_654_435_761) % self.keys;
        let mut key = [b'0'; 10];
        for digit in key.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ten_digits_below_their_number() {
        let records = Records {
            values: vec![vec![]],
            keys: 100_000,
        };
        assert_eq!(records.key(0), Some(*b"0000000000"));
        // 2654435761 mod 100000.
        assert_eq!(records.key(1), Some(*b"0000035761"));
        let none = Records {
            values: vec![vec![]],
            keys: 0,
        };
        assert_eq!(none.key(1), None);
    }
}
