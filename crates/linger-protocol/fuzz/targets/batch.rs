//! Record sets from strangers are walked and decompressed within a limit, and never panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linger_protocol::records::batches;

/// Most bytes that a batch may become.
const LIMIT: usize = 1 << 20;

fuzz_target!(|set: &[u8]| {
    for batch in batches(set).flatten() {
        let _ = batch.verify_crc();
        let Ok(records) = batch.records(LIMIT) else {
            continue;
        };
        for record in records.iter() {
            let Ok(record) = record else { break };
            record.headers().for_each(drop);
        }
    }
});
