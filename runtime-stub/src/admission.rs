//! Who gets in: what of the server one client may have, and what becomes of who wants more.

use std::time::{Duration, Instant};

use admission::{Place, Places, Rate, RateLimiter};
use http::{Request, Version};
use http1_framing::Limits;

use crate::client::Client;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::settings::AdmissionOptions;
use crate::watch::{LimitName, target_of};

/// What clients have, and may have.
pub(crate) struct Admission {
    pub(crate) head: Limits,
    pub(crate) streams_max: u32,
    places: Places,
    rate: Option<RateLimiter>,
    /// When what is counted by time began.
    started: Instant,
}

/// What a connection holds of the places of its client: nothing, where those are not counted.
pub(crate) type ClientPlace = Option<Place>;

/// The client has all connections that it may have.
#[derive(Debug, thiserror::Error)]
#[error("the client has all connections that it may have")]
pub(crate) struct TooMany;

impl Admission {
    pub(crate) fn new(options: AdmissionOptions) -> Self {
        Self {
            head: options.head,
            streams_max: options.streams_max,
            places: Places::new(options.connections_each_max),
            rate: options.rate.map(RateLimiter::new),
            started: Instant::now(),
        }
    }

    /// Lets a connection in. Those of trusted proxies are not counted, since they speak for many,
    /// and those on Unix sockets have no address.
    pub(crate) fn connect(&self, peer: &Peer, is_trusted: bool) -> Result<ClientPlace, TooMany> {
        let Some(address) = peer.address.filter(|_| !is_trusted) else {
            return Ok(None);
        };
        match self.places.take(address.ip()) {
            Some(place) => Ok(Some(place)),
            None => {
                LimitName::MaxConnectionsPerIp.hit();
                Err(TooMany)
            }
        }
    }

    /// Whether a client may send one more request.
    pub(crate) fn ask(&self, client: &Client) -> Result<(), Refusal> {
        let (Some(rate), Some(address)) = (&self.rate, client.address) else {
            return Ok(());
        };
        rate.take(address, self.started.elapsed()).map_err(|wait| {
            LimitName::RateLimit.hit();
            Refusal::TooManyRequests {
                retry_after: whole_seconds(wait),
            }
        })
    }

    /// Whether a head is within its limits. That of HTTP/1 has been looked at as it came.
    pub(crate) fn check_head<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        if request.version() < Version::HTTP_2 {
            return Ok(());
        }
        if target_of(request.uri()).len() > self.head.target_bytes {
            LimitName::MaxUri.hit();
            return Err(Refusal::UriTooLong);
        }
        if request.headers().len() > self.head.fields {
            LimitName::MaxHeaderFields.hit();
            return Err(Refusal::HeadTooLarge);
        }
        Ok(())
    }
}

/// Rounded up: who comes back a moment too early is refused again.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time
        .as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// How many frames of HTTP/2 that cost nothing a client may send. A browser that leaves a page
/// cancels what it has asked for, up to `--max-streams` at once; clients of gRPC ping a few times a
/// second.
pub(crate) fn frame_rate() -> Rate {
    Rate::new(100, Duration::from_secs(1), 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer {
            address: address.parse().ok(),
            is_tls: false,
        }
    }

    #[test]
    fn one_client_has_its_connections_and_proxies_are_not_counted() {
        let admission = Admission::new(AdmissionOptions {
            connections_each_max: 2,
            ..AdmissionOptions::default()
        });
        let hits = LimitName::MaxConnectionsPerIp.count();
        let of = |address: &str| admission.connect(&peer(address), false);
        let first = of("[2001:db8::1]:1").unwrap();
        let _second = of("[2001:db8::2]:2").unwrap();
        assert!(of("[2001:db8::3]:3").is_err());
        assert_eq!(LimitName::MaxConnectionsPerIp.count(), hits + 1);
        assert!(of("[2001:db8:1::1]:4").unwrap().is_some());
        assert!(
            admission
                .connect(&peer("[2001:db8::3]:5"), true)
                .unwrap()
                .is_none()
        );
        assert!(of("unix").unwrap().is_none());
        drop(first);
        assert!(of("[2001:db8::3]:6").is_ok());
    }

    #[test]
    fn a_client_that_asks_too_much_is_told_when_to_come_back() {
        let admission = Admission::new(AdmissionOptions {
            rate: Some(Rate::new(1, Duration::from_secs(60), 2)),
            ..AdmissionOptions::default()
        });
        let ask = |address: &str| admission.ask(&Client::direct(&peer(address)));
        assert_eq!(ask("192.0.2.1:1"), Ok(()));
        assert_eq!(ask("192.0.2.1:2"), Ok(()));
        let retry_after = 60;
        assert_eq!(
            ask("192.0.2.1:3"),
            Err(Refusal::TooManyRequests { retry_after })
        );
        assert_eq!(ask("192.0.2.2:1"), Ok(()));
        for _ in 0..5 {
            assert_eq!(ask("unix"), Ok(()));
        }
    }

    #[test]
    fn heads_of_http_2_have_the_limits_of_all() {
        let head = Limits {
            target_bytes: 10,
            fields: 2,
            ..Limits::default()
        };
        let admission = Admission::new(AdmissionOptions {
            head,
            ..AdmissionOptions::default()
        });
        let check = |version, path: &str, fields: usize| {
            let mut request = Request::get(format!("http://a{path}")).version(version);
            for _ in 0..fields {
                request = request.header("x", "y");
            }
            admission.check_head(&request.body(()).unwrap())
        };
        let http2 = Version::HTTP_2;
        assert_eq!(check(http2, "/123456789", 2), Ok(()));
        assert_eq!(check(http2, "/1234567890", 2), Err(Refusal::UriTooLong));
        assert_eq!(check(http2, "/123456?90", 3), Err(Refusal::HeadTooLarge));
        assert_eq!(check(Version::HTTP_11, "/1234567890", 3), Ok(()));
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, want) in [(1, 1), (1000, 1), (1001, 2), (0, 0)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), want);
        }
        assert_eq!(whole_seconds(Duration::MAX), u32::MAX);
    }
}
