//! How the machine does meanwhile: a broker cannot save in time what the disk does not take in time.
//!
//! Not on the store's own file system: a sync there would bring to the disk what the broker did not. Of a file system in a file, that
//! file: what was written to it counts as on the disk, and the broker's syncs wait until it is.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::World;
use crate::history::What;

const PAUSE: Duration = Duration::from_millis(50);
/// Less than that is nothing to tell of.
const SLOW: Duration = Duration::from_millis(50);

pub(super) fn run(world: &World) {
    if let Err(error) = work(world) {
        eprintln!("nobody looks at how the disk does: {error:#}");
    }
}

/// A small save and a pause again and again; what took longer is on record.
fn work(world: &World) -> Result<()> {
    let file = File::create(&world.scratch)?;
    let image = world.image.as_ref().map(File::open).transpose()?;
    while !world.is_over() {
        let since = Instant::now();
        file.write_all_at(&[0; 512], 0)?;
        file.sync_all()?;
        if let Some(image) = &image {
            image.sync_all()?;
        }
        thread::sleep(PAUSE);
        let slow = since.elapsed().saturating_sub(PAUSE);
        if slow > SLOW {
            world.recorder.record(What::Slow { ms: slow.as_millis() as u64 });
        }
    }
    Ok(())
}
