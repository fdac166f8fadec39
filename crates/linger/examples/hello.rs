//! Sends three records and prints where each one landed.
//!
//! ```text
//! cargo run --release --bin sim -- serve --topic greetings:3 --port 19092     # in one terminal
//! cargo run --release -p linger --example hello -- 127.0.0.1:19092            # in another
//! ```

use std::error::Error;
use std::time::Duration;

use linger::{Producer, Record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bootstrap = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:19092".into());
    let producer = Producer::builder().bootstrap_servers(bootstrap).connect().await?;

    // `send` returns as soon as the record is accepted; its delivery is awaited when there is need to
    // know.
    let mut deliveries = Vec::new();
    for greeting in ["hello", "hallo", "salut"] {
        let record = Record::to("greetings").key(greeting.as_bytes()).value(b"world");
        deliveries.push(producer.send(record).await?);
    }
    for delivery in deliveries {
        let at = delivery.await?;
        println!("{}-{} at offset {:?}", at.topic, at.partition, at.offset);
    }

    let closed = producer.close(Duration::from_secs(10)).await;
    println!(
        "{} acknowledged, {} failed",
        closed.ledger.acknowledged, closed.ledger.failed
    );
    Ok(())
}
