//! What is shown while a site is bundled: bars on a terminal, plain lines elsewhere, or nothing.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not at all.
    Quiet,
    /// One line for each step.
    Lines,
    /// A bar for each step.
    Bars,
}

impl Progress {
    /// Bars if somebody is looking, unless told to be quiet.
    pub fn for_stderr(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }

    /// Begins a step of `total` units.
    pub fn begin(self, title: &str, total: u64, unit: Unit) -> Step {
        let bar = match self {
            Self::Bars => ProgressBar::new(total),
            Self::Quiet | Self::Lines => ProgressBar::hidden(),
        };
        if self == Self::Lines {
            let _ = writeln!(std::io::stderr(), "{title}: {}", unit.of(total));
        }
        let template = match unit {
            Unit::Bytes => "{msg:<12} {wide_bar} {bytes}/{total_bytes} {eta}",
            Unit::Workers => "{msg:<12} {wide_bar} {pos}/{len} {eta}",
        };
        // A template that does not parse would only cost the looks.
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(title.to_owned());
        Step { bar }
    }
}

/// What a step counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of files.
    Bytes,
    /// Compiled one by one.
    Workers,
}

impl Unit {
    fn of(self, total: u64) -> String {
        match self {
            Self::Bytes => megabytes(total),
            Self::Workers if total == 1 => "1 worker".to_owned(),
            Self::Workers => format!("{total} workers"),
        }
    }
}

/// A step that is being done; its bar is gone when it is.
pub struct Step {
    bar: ProgressBar,
}

impl Step {
    /// So many units more are done.
    pub fn advance(&self, units: u64) {
        self.bar.inc(units);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes for people: in decimal units, as disks are sold.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}
