//! Documents of which a part is made by a test.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// The part of `docs/<name>` between `<!-- made by <maker>: … -->` and `<!-- end of <maker> -->` is `text`; or becomes it, when
/// `GANTRY_E2E_WRITE` is set.
pub fn has_part(name: &str, maker: &str, text: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let (begin, end) = (
        format!("<!-- made by {maker}: GANTRY_E2E_WRITE=1 writes it -->"),
        format!("<!-- end of {maker} -->"),
    );
    let old = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, rest) = old.split_once(&begin).with_context(|| format!("{name} has no place for {maker}"))?;
    let (_, tail) = rest.split_once(&end).with_context(|| format!("in {name} {maker} has no end"))?;
    let new = format!("{head}{begin}\n{text}{end}{tail}");
    if std::env::var_os("GANTRY_E2E_WRITE").is_some() {
        return std::fs::write(&path, new).with_context(|| format!("writing {name}"));
    }
    ensure!(
        new == old,
        "{name} is another one now: write it with GANTRY_E2E_WRITE=1, and look at the changes"
    );
    Ok(())
}
