//! Writes the CustomResourceDefinitions of the types into `crds/generated`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in gantry_crds::yaml::files() {
        std::fs::write(folder.join(&name), text)?;
        println!("crds/generated/{name}");
    }
    Ok(())
}
