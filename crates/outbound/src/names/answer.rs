//! What a message says to a query: untrusted bytes, read by the `domain` crate.
//!
//! A message belongs to a query if it has its id and repeats its question (RFC 5452, 9.1). Of its
//! records, those count that belong to the name asked for, or to one that it is an alias of.
//! Compression that leads in circles is refused by the parser, since a pointer only leads back.

use std::net::IpAddr;
use std::time::Duration;

use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::name::ParsedName;
use domain::base::wire::ParseError;
use domain::base::{Message, ParseRecordData, Ttl};
use domain::rdata::{A, Aaaa, Cname, Soa};

use super::ADDRESSES_MAX;
use super::question::{Family, Query, Question, parse_name};

/// The most records of an answer. A message of 64 KiB could have about five times as many.
const RECORDS_MAX: u16 = 1024;

/// The most aliases from a name to its addresses. Well-known servers follow 11 at most.
const ALIASES_MAX: usize = 16;

/// How long an answer is kept at most.
const LIFETIME_MAX: Duration = Duration::from_secs(300);

/// How long it is remembered at most that there is nothing.
const NOTHING_LIFETIME_MAX: Duration = Duration::from_secs(5);

/// What a message means to its query.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Said(Said),
    /// The answer is longer than a datagram: TCP has room for it.
    Truncated,
    /// The server does not understand the query, perhaps for what EDNS adds (RFC 6891, 7).
    NotUnderstood(Rcode),
    Refused(Rcode),
    Bad(BadAnswer),
}

/// What the DNS says of a name, and how long it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// At least one address.
    Addresses(Vec<IpAddr>, Duration),
    /// There is no such name, or it has no address of the family.
    Nothing(Duration),
}

/// Why an answer makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadAnswer {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it has more than {RECORDS_MAX} records")]
    TooManyRecords,
    #[error("it is an alias of an alias, more than {ALIASES_MAX} times or in a circle")]
    TooManyAliases,
    #[error("it is cut off, over TCP too")]
    CutOff,
    #[error("it belongs to another question")]
    AnotherQuestion,
}

impl From<ParseError> for BadAnswer {
    fn from(_: ParseError) -> Self {
        Self::Unreadable
    }
}

/// Reads a message; `None` if it does not belong to the query.
pub(super) fn read(bytes: &[u8], query: &Query<'_>) -> Option<Reply> {
    let message = Message::from_slice(bytes).ok()?;
    let header = message.header();
    if header.id() != query.id || !header.qr() || header.opcode() != Opcode::QUERY {
        return None;
    }
    if !repeats(message, query.question) {
        // Who does not even read what EDNS adds may send the header alone.
        let is_bare = message.header_counts().qdcount() == 0;
        return (is_bare && header.rcode() == Rcode::FORMERR)
            .then_some(Reply::NotUnderstood(Rcode::FORMERR));
    }
    Some(match header.rcode() {
        Rcode::NOERROR | Rcode::NXDOMAIN if header.tc() => Reply::Truncated,
        Rcode::NOERROR | Rcode::NXDOMAIN => {
            said(message, query.question.family).map_or_else(Reply::Bad, Reply::Said)
        }
        code @ (Rcode::FORMERR | Rcode::NOTIMP) => Reply::NotUnderstood(code),
        code => Reply::Refused(code),
    })
}

/// Whether the message repeats the question, in whatever case.
fn repeats(message: &Message<[u8]>, question: Question<'_>) -> bool {
    message.sole_question().is_ok_and(|repeated| {
        repeated.qname() == question.name
            && repeated.qtype() == question.family.record_type()
            && repeated.qclass() == Class::IN
    })
}

fn said(message: &Message<[u8]>, family: Family) -> Result<Said, BadAnswer> {
    if message.header_counts().ancount() > RECORDS_MAX {
        return Err(BadAnswer::TooManyRecords);
    }
    let end = end_of_aliases(message)?;
    let (addresses, lifetime) = match family {
        Family::V4 => addresses(message, &end, |record: A| record.addr().into())?,
        Family::V6 => addresses(message, &end, |record: Aaaa| record.addr().into())?,
    };
    Ok(match addresses.is_empty() {
        true => Said::Nothing(lifetime_of_nothing(message).unwrap_or_default()),
        false => Said::Addresses(addresses, lifetime.min(LIFETIME_MAX)),
    })
}

/// A name, and how long it is known to be what is asked for.
struct End<'a> {
    name: ParsedName<&'a [u8]>,
    lifetime: Duration,
}

/// Follows the aliases of the answer, in whatever order they stand (RFC 1034, 3.6.2).
fn end_of_aliases(message: &Message<[u8]>) -> Result<End<'_>, BadAnswer> {
    let mut aliases = Vec::new();
    for record in message.answer()?.limit_to_in::<Cname<_>>() {
        if aliases.len() == ALIASES_MAX {
            return Err(BadAnswer::TooManyAliases);
        }
        aliases.push(record?);
    }
    let mut end = End {
        name: message.sole_question()?.into_qname(),
        lifetime: Duration::MAX,
    };
    for _ in 0..=aliases.len() {
        let Some(alias) = aliases.iter().find(|alias| *alias.owner() == end.name) else {
            return Ok(end);
        };
        end.lifetime = end.lifetime.min(lifetime(alias.ttl()));
        end.name = *alias.data().cname();
    }
    Err(BadAnswer::TooManyAliases)
}

/// The addresses of the name at the end of the aliases, and how long they hold.
fn addresses<'a, R>(
    message: &'a Message<[u8]>,
    end: &End<'_>,
    address: impl Fn(R) -> IpAddr,
) -> Result<(Vec<IpAddr>, Duration), BadAnswer>
where
    R: ParseRecordData<'a, [u8]>,
{
    let (mut found, mut holds) = (Vec::new(), end.lifetime);
    for record in message.answer()?.limit_to_in::<R>() {
        let record = record?;
        if *record.owner() == end.name && found.len() < ADDRESSES_MAX {
            holds = holds.min(lifetime(record.ttl()));
            found.push(address(record.into_data()));
        }
    }
    Ok((found, holds))
}

/// How long there is nothing, if the answer says so: RFC 2308, 5.
fn lifetime_of_nothing(message: &Message<[u8]>) -> Result<Duration, BadAnswer> {
    let mut zones = message.authority()?.limit_to_in::<Soa<_>>();
    let Some(zone) = zones.next().transpose()? else {
        return Ok(Duration::ZERO);
    };
    let holds = lifetime(zone.ttl()).min(lifetime(zone.data().minimum()));
    Ok(holds.min(NOTHING_LIFETIME_MAX))
}

/// Beyond 31 bits it is 0 (RFC 2181, 8).
fn lifetime(ttl: Ttl) -> Duration {
    let seconds = i32::try_from(ttl.as_secs()).unwrap_or(0);
    Duration::from_secs(seconds.unsigned_abs().into())
}

/// The addresses of IPv4 and IPv6 that a message gives to a name if it is read as the answer to a
/// question for them with id 0. For whoever tries what bytes can do.
pub fn addresses_in_answer(name: &str, message: &[u8]) -> Vec<IpAddr> {
    let Ok(name) = parse_name(name) else {
        return Vec::new();
    };
    let replies = [Family::V4, Family::V6].map(|family| {
        let name = &name;
        let question = Question { name, family };
        read(message, &Query { id: 0, question })
    });
    let said = replies.into_iter().flatten();
    said.flat_map(|reply| match reply {
        Reply::Said(Said::Addresses(addresses, _)) => addresses,
        _ => Vec::new(),
    })
    .collect()
}
