//! `wws`: a site and its workers as one executable.

fn main() -> std::process::ExitCode {
    wws::cli::run()
}
