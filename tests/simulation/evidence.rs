//! From bytes to what the history records of them: batches as they went to a connection or lie in a
//! log.

use linger_protocol::records::{BatchView, RecordView};

use crate::history::{Held, Identity, Tp, WireBatch};
use crate::payload::Claim;
use linger_testkit::random::hash;

/// No batch of the workload is larger uncompressed.
const UNCOMPRESSED_MAX: usize = 16 << 20;
/// Where the part of a batch begins that its checksum covers.
const ATTRIBUTES: usize = 21;

/// Reads one batch of a produce request. What does not read is kept as such, for S11 to judge.
pub(crate) fn wire_batch(tp: Tp, bytes: &[u8]) -> WireBatch {
    match BatchView::parse(bytes) {
        Ok(view) => WireBatch {
            tp,
            identity: identity(&view),
            base_sequence: view.base_sequence(),
            bytes: hash(&bytes[ATTRIBUTES..]),
            records: exact(&view, bytes).and_then(|()| held(&view)),
        },
        Err(error) => WireBatch {
            tp,
            identity: Identity {
                producer_id: -1,
                epoch: -1,
            },
            base_sequence: -1,
            bytes: hash(bytes),
            records: Err(error.to_string()),
        },
    }
}

pub(crate) fn identity(view: &BatchView<'_>) -> Identity {
    Identity {
        producer_id: view.producer_id(),
        epoch: view.producer_epoch(),
    }
}

/// What a produce request must carry: one whole batch with a right checksum, and nothing behind it.
fn exact(view: &BatchView<'_>, bytes: &[u8]) -> Result<(), String> {
    view.verify_crc().map_err(|error| error.to_string())?;
    if view.total_len() != bytes.len() {
        return Err(format!(
            "{} bytes hold a batch of {}",
            bytes.len(),
            view.total_len()
        ));
    }
    if view.base_offset() != 0 || view.magic() != 2 || view.last_offset_delta() != view.count() - 1 {
        return Err(format!("its header is wrong: {:?}", view.header()));
    }
    Ok(())
}

/// The records of a batch.
pub(crate) fn held(view: &BatchView<'_>) -> Result<Vec<Held>, String> {
    let records = view
        .records(UNCOMPRESSED_MAX)
        .map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for (nth, record) in records.iter().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        if usize::try_from(record.offset_delta) != Ok(nth) {
            return Err(format!("record {nth} has offset delta {}", record.offset_delta));
        }
        all.push(Held {
            claim: Claim::decode(record.value.unwrap_or_default()),
            content: content_of(&record),
            timestamp: view.timestamp_of(&record),
        });
    }
    Ok(all)
}

fn content_of(record: &RecordView<'_>) -> u64 {
    let headers: Vec<_> = record
        .headers()
        .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
        .collect();
    content(
        record.key,
        record.value,
        headers.iter().map(|(key, value)| (&key[..], value.as_deref())),
    )
}

/// Hash over everything a record carries, with its lengths, so that no two records run together.
pub(crate) fn content<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> u64 {
    let mut all = Vec::new();
    let mut add = |part: Option<&[u8]>| {
        all.extend(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        all.extend(part.unwrap_or_default());
    };
    add(key);
    add(value);
    for (key, value) in headers {
        add(Some(key));
        add(value);
    }
    hash(&all)
}
