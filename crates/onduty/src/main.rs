//! The one binary.

fn main() -> std::process::ExitCode {
    onduty::cli::run()
}
