//! The program that every bundle starts with.

fn main() -> std::process::ExitCode {
    runtime_stub::cli::run()
}
