//! From a name to what the servers say of it.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::answer::Said;
use super::cache::Resolution;
use super::exchange;
use super::failure::Failure;
use super::question::{BadName, Family, Question, WireName, parse_name};
use super::settings::Settings;

/// How long the addresses of one family wait for those of the other (RFC 8305, 3).
const OTHER_FAMILY_WAIT: Duration = Duration::from_millis(50);

/// How long addresses are kept if it is not known whether there are more.
const PARTIAL_LIFETIME_MAX: Duration = Duration::from_secs(5);

/// Who asks.
pub(super) struct Resolver {
    settings: Settings,
    /// The server that is asked first: the last one that has answered, so that one that is down is
    /// waited for once. With `rotate`, the next one each time.
    first: AtomicUsize,
}

impl Resolver {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            first: AtomicUsize::new(0),
        }
    }

    /// What there is to say of a name, and until when. A failure of the servers is not kept.
    pub(super) async fn resolve(&self, name: &str) -> Resolution {
        let (result, lifetime) = match self.search(name).await {
            Ok(Said::Addresses(addresses, lifetime)) => (Ok(addresses), lifetime),
            Ok(Said::Nothing(lifetime)) => (Err(Failure::NoAddress), lifetime),
            Err(failure) => (Err(failure), Duration::ZERO),
        };
        Resolution {
            result,
            until: Instant::now() + lifetime,
        }
    }

    /// Goes through the search list as long as there is no such name. A failure ends it: what comes
    /// later in the list could be somebody else.
    async fn search(&self, name: &str) -> Result<Said, Failure> {
        let mut nothing = Duration::MAX;
        for candidate in candidates(&self.settings, name)? {
            match self.both_families(&candidate).await? {
                Said::Nothing(lifetime) => nothing = nothing.min(lifetime),
                found @ Said::Addresses(..) => return Ok(found),
            }
        }
        Ok(Said::Nothing(nothing))
    }

    /// Asks for both side by side. Who has addresses does not wait long for the other, since there
    /// are servers that never answer for one of them.
    async fn both_families(&self, name: &WireName) -> Result<Said, Failure> {
        let family = |family| self.ask(Question { name, family });
        if !self.settings.with_v6 {
            return family(Family::V4).await;
        }
        let (mut v4, mut v6) = (pin!(family(Family::V4)), pin!(family(Family::V6)));
        let (v4, v6) = tokio::select! {
            v4 = &mut v4 => {
                let v6 = beside(&v4, v6).await;
                (v4, v6)
            }
            v6 = &mut v6 => (beside(&v6, v4).await, v6),
        };
        together(v4, v6)
    }

    /// From server to server, as often as the settings say, until one answers.
    async fn ask(&self, question: Question<'_>) -> Result<Said, Failure> {
        let Settings {
            servers,
            transport,
            attempts,
            ..
        } = &self.settings;
        let first = self.first_server();
        let mut failure = Failure::Timeout;
        for attempt in 0..*attempts {
            for at in (first..first + servers.len()).map(|at| at % servers.len()) {
                let wait = self.settings.wait(attempt);
                match exchange::ask(servers[at], question, *transport, wait).await {
                    Ok(said) => {
                        self.answered(at);
                        return Ok(said);
                    }
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    fn first_server(&self) -> usize {
        let first = match self.settings.rotate {
            true => self.first.fetch_add(1, Ordering::Relaxed),
            false => self.first.load(Ordering::Relaxed),
        };
        first % self.settings.servers.len()
    }

    fn answered(&self, server: usize) {
        if !self.settings.rotate {
            self.first.store(server, Ordering::Relaxed);
        }
    }
}

/// Waits for the other family: not for long if this one has addresses.
async fn beside(
    this: &Result<Said, Failure>,
    other: impl Future<Output = Result<Said, Failure>>,
) -> Result<Said, Failure> {
    match this {
        Ok(Said::Addresses(..)) => timeout(OTHER_FAMILY_WAIT, other)
            .await
            .unwrap_or(Err(Failure::Timeout)),
        Ok(Said::Nothing(_)) | Err(_) => other.await,
    }
}

/// What both families come to.
fn together(v4: Result<Said, Failure>, v6: Result<Said, Failure>) -> Result<Said, Failure> {
    use Said::{Addresses, Nothing};
    Ok(match (v4, v6) {
        (Ok(Addresses(v4, holds4)), Ok(Addresses(v6, holds6))) => {
            let both: Vec<IpAddr> = v4.into_iter().chain(v6).collect();
            Addresses(both, holds4.min(holds6))
        }
        (Ok(found @ Addresses(..)), Ok(Nothing(_))) | (Ok(Nothing(_)), Ok(found)) => match found {
            Nothing(holds) => Nothing(holds),
            found => found,
        },
        (Ok(Addresses(found, holds)), Err(_)) | (Err(_), Ok(Addresses(found, holds))) => {
            Addresses(found, holds.min(PARTIAL_LIFETIME_MAX))
        }
        (Err(failure), _) | (_, Err(failure)) => return Err(failure),
    })
}

/// The names to try for a name, in turn (resolv.conf(5), `search` and `ndots`).
///
/// # Errors
/// The name itself is none. One that is too long with something of the list is not tried with it.
fn candidates(settings: &Settings, name: &str) -> Result<Vec<WireName>, BadName> {
    let as_it_is = parse_name(name)?;
    if name.ends_with('.') {
        return Ok(vec![as_it_is]);
    }
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let searched = settings.search.iter();
    let mut candidates: Vec<WireName> = searched
        .filter_map(|end| parse_name(&format!("{name}.{end}")).ok())
        .collect();
    let at = match dots >= settings.ndots {
        true => 0,
        false => candidates.len(),
    };
    candidates.insert(at, as_it_is);
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_list_comes_after_names_with_enough_dots_and_before_others() {
        #[track_caller]
        fn check(ndots: usize, name: &str, want: &[&str]) {
            let settings = Settings {
                search: vec!["a.example".to_owned(), "b.example.".to_owned()],
                ndots,
                ..Settings::asking(([127, 0, 0, 1], 53).into())
            };
            let found = candidates(&settings, name).unwrap();
            let want: Vec<_> = want.iter().map(|name| parse_name(name).unwrap()).collect();
            assert_eq!(found, want, "{name}");
        }
        check(1, "db", &["db.a.example", "db.b.example", "db"]);
        check(1, "db.", &["db"]);
        check(1, "db.x", &["db.x", "db.x.a.example", "db.x.b.example"]);
        check(2, "db.x", &["db.x.a.example", "db.x.b.example", "db.x"]);
        check(2, "db.x.", &["db.x"]);
        check(0, "db", &["db", "db.a.example", "db.b.example"]);
        let long = [
            "l".repeat(63),
            "l".repeat(60),
            "l".repeat(60),
            "l".repeat(60),
        ]
        .join(".");
        check(1, &long, &[&long]);
    }

    #[test]
    fn one_family_is_enough_and_a_failure_is_no_absence() {
        let found = |name: &str, seconds| {
            Said::Addresses(vec![name.parse().unwrap()], Duration::from_secs(seconds))
        };
        let nothing = |seconds| Said::Nothing(Duration::from_secs(seconds));
        let both = Said::Addresses(
            vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            Duration::from_secs(20),
        );
        let (v4, v6) = (found("192.0.2.1", 20), found("2001:db8::1", 30));
        let broken = || Err(Failure::Timeout);
        for (one, other, want) in [
            (Ok(v4.clone()), Ok(v6.clone()), Some(both)),
            (Ok(v4.clone()), Ok(nothing(1)), Some(v4)),
            (Ok(nothing(1)), Ok(v6.clone()), Some(v6.clone())),
            (Ok(nothing(4)), Ok(nothing(3)), Some(nothing(3))),
            (Ok(v6.clone()), broken(), Some(found("2001:db8::1", 5))),
            (broken(), Ok(v6), Some(found("2001:db8::1", 5))),
            (Ok(nothing(1)), broken(), None),
            (broken(), Ok(nothing(1)), None),
            (broken(), broken(), None),
        ] {
            assert_eq!(together(one, other).ok(), want);
        }
    }
}
