//! Writes the corpus that the fuzzers begin with, a file per seed: captured frames and batches, and
//! generated ones of every API, version and codec.
//!
//! ```text
//! cargo run -p linger-protocol --example fuzz_seeds -- crates/linger-protocol/fuzz/corpus
//! ```

use std::error::Error;
use std::path::Path;

#[path = "../tests/support/captured.rs"]
mod captured;
#[path = "../tests/support/sample.rs"]
mod sample;
#[path = "../tests/support/seeds.rs"]
mod seeds;
#[path = "../tests/support/structs.rs"]
mod structs;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = std::env::args().nth(1).ok_or("usage: fuzz_seeds DIRECTORY")?;
    let targets = [
        ("frame", seeds::frames()),
        ("request", seeds::requests()),
        ("response", seeds::responses()),
        ("batch", seeds::batches()),
    ];
    for (target, seeds) in targets {
        let directory = Path::new(&corpus).join(target);
        std::fs::create_dir_all(&directory)?;
        for (index, seed) in seeds.iter().enumerate() {
            std::fs::write(directory.join(format!("seed-{index:03}")), seed)?;
        }
        let bytes: usize = seeds.iter().map(Vec::len).sum();
        println!("{target}: {} seeds, {bytes} bytes", seeds.len());
    }
    Ok(())
}
