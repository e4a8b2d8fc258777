//! The `gantry` program.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    gantry::main()
}
