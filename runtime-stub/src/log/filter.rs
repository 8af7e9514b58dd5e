//! Which lines about events there are: `RUST_LOG`.

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something did not work.
    Error,
    /// Something may not be as it was meant.
    Warn,
    /// Something happened.
    Info,
    /// Of use to who looks for a mistake.
    Debug,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let levels = [Self::Error, Self::Warn, Self::Info, Self::Debug];
        if text.eq_ignore_ascii_case("trace") {
            return Some(Self::Debug);
        }
        let is_named = |level: &Self| text.eq_ignore_ascii_case(level.name());
        levels.into_iter().find(is_named)
    }
}

/// The least that a line has to matter; `None` lets no line through.
type Least = Option<Level>;

/// More than this of a list is not looked at.
const DIRECTIVES_MAX: usize = 64;

/// What `RUST_LOG` says. It is a variable of many programs, and one with parts for others is no
/// mistake here: what is not understood counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    least: Least,
    /// Of single events.
    events: Vec<(String, Least)>,
}

/// Lets everything through.
impl Default for Filter {
    fn default() -> Self {
        Self {
            least: Some(Level::Debug),
            events: Vec::new(),
        }
    }
}

impl Filter {
    /// Reads a list such as `warn` or `info,worker_log=off`. A level alone is for all lines, and so
    /// is one of `wws`; `EVENT=LEVEL` is for the lines that begin with that word.
    pub fn parse(text: &str) -> Self {
        let mut filter = Self::default();
        for directive in text.split(',').take(DIRECTIVES_MAX).map(str::trim) {
            let (target, level) = directive.split_once('=').unwrap_or(("wws", directive));
            let Some(least) = parse_least(level.trim()) else {
                continue;
            };
            match target.trim() {
                "wws" | "runtime_stub" => filter.least = least,
                event => filter.events.push((event.to_owned(), least)),
            }
        }
        filter
    }

    pub(super) fn allows(&self, event: &str, level: Level) -> bool {
        let own = self.events.iter().rev().find(|(name, _)| name == event);
        let least = own.map_or(self.least, |(_, least)| *least);
        least.is_some_and(|least| level <= least)
    }
}

fn parse_least(text: &str) -> Option<Least> {
    match text.eq_ignore_ascii_case("off") {
        true => Some(None),
        false => Level::parse(text).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_through_what_it_says() {
        #[track_caller]
        fn check(text: &str, event: &str, want: [bool; 4]) {
            let filter = Filter::parse(text);
            let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug];
            assert_eq!(
                levels.map(|level| filter.allows(event, level)),
                want,
                "{text:?}"
            );
        }
        let (all, none) = ([true; 4], [false; 4]);
        check("", "damaged", all);
        check("debug", "damaged", all);
        check("trace", "damaged", all);
        check("info", "damaged", [true, true, true, false]);
        check("WARN", "damaged", [true, true, false, false]);
        check(" error ", "damaged", [true, false, false, false]);
        check("off", "damaged", none);
        check("wws=off", "damaged", none);
        check("warn,worker_log=off", "worker_log", none);
        check("warn,worker_log=off", "damaged", [true, true, false, false]);
        check("off, worker_log = debug", "worker_log", all);
        check("worker_log=off", "damaged", all);
    }

    #[test]
    fn what_is_for_others_or_not_understood_counts_for_nothing() {
        for text in [
            "hyper=trace",
            "hyper",
            "=",
            ",,",
            "wws=loud",
            "a=b=c",
            "hyper=off,tokio",
        ] {
            let filter = Filter::parse(text);
            assert!(filter.allows("damaged", Level::Debug), "{text:?}");
        }
        let long = format!("{}off", "x=warn,".repeat(DIRECTIVES_MAX));
        assert!(Filter::parse(&long).allows("damaged", Level::Debug));
    }
}
