//! What a record of the workload carries: enough to say, from its bytes alone, who sent it and
//! where it was meant to go. A Kafka batch's CRC does not cover its topic and partition, so the
//! payload must.

use std::sync::Arc;

use linger_testkit::random::hash;

/// A record of the workload, unique in its run.
pub(crate) type Sid = u64;

/// What one record's own bytes claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) run: u64,
    pub(crate) sid: Sid,
    pub(crate) task: u32,
    /// Position in the task.
    pub(crate) index: u32,
    pub(crate) topic: Arc<str>,
    /// The partition the sender asked for; `None` left it to the partitioner.
    pub(crate) partition: Option<i32>,
    /// Bytes of filler.
    pub(crate) filler: u32,
}

impl Claim {
    /// `run | sid | task | index | topic length, topic | partition or -1 | filler length, filler |
    /// hash`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48 + self.topic.len() + self.filler as usize);
        bytes.extend(self.run.to_be_bytes());
        bytes.extend(self.sid.to_be_bytes());
        bytes.extend(self.task.to_be_bytes());
        bytes.extend(self.index.to_be_bytes());
        bytes.push(u8::try_from(self.topic.len()).expect("the workload's topics are short"));
        bytes.extend(self.topic.as_bytes());
        bytes.extend(self.partition.unwrap_or(-1).to_be_bytes());
        bytes.extend(self.filler.to_be_bytes());
        bytes.extend(filler(self.sid, self.filler));
        let sum = hash(&bytes);
        bytes.extend(sum.to_be_bytes());
        bytes
    }

    /// The claim, or why these bytes are none of ours.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or("shorter than its hash")?;
        if hash(body) != u64::from_be_bytes(*sum) {
            return Err("its hash does not match".to_owned());
        }
        let mut rest = body;
        let run = u64::from_be_bytes(take(&mut rest)?);
        let sid = u64::from_be_bytes(take(&mut rest)?);
        let task = u32::from_be_bytes(take(&mut rest)?);
        let index = u32::from_be_bytes(take(&mut rest)?);
        let [topic_length] = take(&mut rest)?;
        let (topic, after) = rest
            .split_at_checked(usize::from(topic_length))
            .ok_or("cut in its topic")?;
        rest = after;
        let partition = i32::from_be_bytes(take(&mut rest)?);
        let length = u32::from_be_bytes(take(&mut rest)?);
        if !rest.iter().copied().eq(filler(sid, length)) {
            return Err("its filler is another's".to_owned());
        }
        let topic = std::str::from_utf8(topic).map_err(|error| error.to_string())?;
        Ok(Self {
            run,
            sid,
            task,
            index,
            topic: Arc::from(topic),
            partition: (partition >= 0).then_some(partition),
            filler: length,
        })
    }
}

/// Half text, half noise, different for each record: a codec finds something, and a swapped buffer
/// shows.
fn filler(sid: Sid, length: u32) -> impl Iterator<Item = u8> {
    let mut state = sid.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length).map(move |at| {
        if at % 2 == 0 {
            return b'a' + u8::try_from(sid % 26).expect("below 26");
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, after) = rest.split_first_chunk::<N>().ok_or("cut short")?;
    *rest = after;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            run: 7,
            sid: 41,
            task: 3,
            index: 9,
            topic: "orders".into(),
            partition: Some(2),
            filler: 30,
        }
    }

    #[test]
    fn a_payload_reads_back_as_what_was_claimed() {
        assert_eq!(Claim::decode(&claim().encode()), Ok(claim()));
    }

    #[test]
    fn every_flipped_byte_of_a_payload_is_noticed() {
        let bytes = claim().encode();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x20;
            assert!(Claim::decode(&bad).is_err(), "byte {at}");
            assert!(Claim::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
