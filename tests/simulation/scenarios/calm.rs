//! No fault at all.

use linger_protocol::records::Compression;

use super::ms;
use crate::scenario::Scenario;

explore!(
    a_healthy_cluster_takes_every_record_once_and_in_order,
    |_| Scenario::calm(),
    [
        ("acknowledged records", 100),
        ("partial writes", 90),
        ("flushes", 50),
        ("cancelled deliveries", 90),
        ("requests of several partitions", 50),
    ]
);

explore!(
    batches_encoded_in_any_order_leave_in_theirs,
    |random| {
        let mut scenario = Scenario::calm();
        scenario.config.compression = *random.pick(&[
            Compression::Gzip { level: 6 },
            Compression::Snappy,
            Compression::Lz4 { level: 1 },
            Compression::Zstd { level: 3 },
        ]);
        scenario.config.linger = ms(1);
        scenario.workload.filler = (50, 400);
        scenario
    },
    [("acknowledged records", 100)]
);
