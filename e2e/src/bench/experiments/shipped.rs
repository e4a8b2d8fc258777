//! What does not depend on the machine: allocations, and the size of the image.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Alone;
use crate::bench::{Contestant, lines};
use crate::process::output_of;
use crate::target::gantry_binaries;
use crate::work_folder::WorkFolder;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const MB: f64 = 1e6;

/// As the broker's own test counts them: the encoding of headers that takes more.
pub(super) fn allocations(alone: &mut Alone<'_>) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--quiet",
        "--locked",
        "-p",
        "gantry-broker",
        "--test",
        "allocations",
        "--",
        "--nocapture",
    ]);
    let said = output_of(cargo.current_dir(ROOT))?;
    for (line, what) in [(&lines::ALLOCATIONS_SEND, "a send"), (&lines::ALLOCATIONS_PULL, "a message pulled")]
    {
        let most = counts(&said, what)
            .reduce(f64::max)
            .with_context(|| format!("no count for {what} in:\n{said}"))?;
        alone.add(line, Contestant::Gantry, most);
    }
    Ok(())
}

/// Of the broker's image, made of the program that is measured.
pub(super) fn image(alone: &mut Alone<'_>) -> Result<()> {
    let folder = WorkFolder::new("image")?;
    let programs = gantry_binaries().map_err(|missing| anyhow::anyhow!("{missing}"))?;
    let mut build = Command::new(Path::new(ROOT).join("images/build"));
    build.args(["--only", "broker", "--programs"]).arg(programs).arg("--save").arg(folder.path());
    match output_of(&mut build) {
        Ok(_) => {
            let size = fs::metadata(folder.path().join("broker.tar"))?.len();
            alone.add(&lines::IMAGE, Contestant::Gantry, size as f64 / MB);
        }
        Err(error) => alone.note(format!("the image cannot be made here: {error:#}")),
    }
    Ok(())
}

/// The numbers of lines such as `Json, one by one: 0.008 allocations a send`.
fn counts(said: &str, what: &str) -> impl Iterator<Item = f64> {
    let ending = format!(" allocations {what}");
    said.lines().filter_map(move |line| line.strip_suffix(&ending)?.rsplit_once(": ")?.1.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_the_test_says() {
        let said = "running 1 test\nBinary, one by one: 0.000 allocations a send\nJson: 0.1875 allocations a message pulled\n\
                    Json, one by one: 0.008 allocations a send\n";
        assert_eq!(counts(said, "a send").collect::<Vec<_>>(), [0.0, 0.008]);
        assert_eq!(counts(said, "a message pulled").collect::<Vec<_>>(), [0.1875]);
    }
}
