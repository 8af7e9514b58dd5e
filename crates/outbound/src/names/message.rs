//! Questions and answers as they go over the wire (RFC 1035, 4).

use std::net::IpAddr;
use std::time::Duration;

use domain::base::iana::{Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedRecord, ToName};
use domain::rdata::{A, Aaaa};

/// What an answer over UDP may have (RFC 6891, 6.2.5): what passes every network in one piece.
pub(super) const UDP_BYTES_MAX: u16 = 1232;

/// The most addresses that are taken of one answer.
const ADDRESSES_MAX: usize = 32;

/// Which of its addresses a name is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    fn record_type(self) -> Rtype {
        match self {
            Self::V4 => Rtype::A,
            Self::V6 => Rtype::AAAA,
        }
    }
}

/// A question, ready to be sent.
pub(super) struct Question {
    message: Message<Vec<u8>>,
    family: Family,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The addresses, perhaps none, and how long that holds.
    Addresses(Vec<IpAddr>, Duration),
    /// There is no such name.
    NoName,
    /// It does not fit into a datagram.
    Truncated,
    /// The server cannot say, in its words.
    Failed(Rcode),
}

impl Question {
    /// A question with an id of its own; `None` if it has no room for the name.
    pub(super) fn new(name: &Name<Vec<u8>>, family: Family, id: u16) -> Option<Self> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(id);
        builder.header_mut().set_rd(true);
        let mut question = builder.question();
        question.push((name, family.record_type())).ok()?;
        let mut additional = question.additional();
        additional
            .opt(|opt| {
                opt.set_udp_payload_size(UDP_BYTES_MAX);
                Ok(())
            })
            .ok()?;
        Some(Self {
            message: additional.into_message(),
            family,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.message.as_slice()
    }

    /// Reads an answer to this question; `None` if it is none, which anybody could have sent
    /// (RFC 5452, 9.1).
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Answer> {
        let message = Message::from_octets(bytes).ok()?;
        if !message.is_answer(&self.message) {
            return None;
        }
        if message.header().tc() {
            return Some(Answer::Truncated);
        }
        match message.header().rcode() {
            Rcode::NOERROR => self.addresses(&message),
            Rcode::NXDOMAIN => Some(Answer::NoName),
            other => Some(Answer::Failed(other)),
        }
    }

    /// The addresses of the name, or of the one that its aliases lead to. Records of other names
    /// are nobody's business.
    fn addresses(&self, message: &Message<&[u8]>) -> Option<Answer> {
        let owner = message.canonical_name()?;
        let mut found = Vec::new();
        let mut seconds = u32::MAX;
        for record in message.answer().ok()? {
            let Ok(record) = record else { break };
            // An alias does not hold for longer than it says, either.
            seconds = seconds.min(record.ttl().as_secs());
            if !record.owner().name_eq(&owner) || found.len() == ADDRESSES_MAX {
                continue;
            }
            found.extend(self.address(&record));
        }
        let seconds = if found.is_empty() { 0 } else { seconds };
        Some(Answer::Addresses(
            found,
            Duration::from_secs(seconds.into()),
        ))
    }

    fn address(&self, record: &ParsedRecord<'_, &[u8]>) -> Option<IpAddr> {
        match self.family {
            Family::V4 => {
                let record = record.to_record::<A>().ok()??;
                Some(record.data().addr().into())
            }
            Family::V6 => {
                let record = record.to_record::<Aaaa>().ok()??;
                Some(record.data().addr().into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::str::FromStr;

    use domain::base::MessageBuilder;
    use domain::rdata::Cname;
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name<Vec<u8>> {
        Name::from_str(text).unwrap()
    }

    fn question() -> Question {
        Question::new(&name("a.example"), Family::V4, 7).unwrap()
    }

    /// An answer to [`question`] with aliases and addresses.
    fn answer(aliases: &[(&str, &str)], addresses: &[(&str, [u8; 4])]) -> Vec<u8> {
        let message = question().message;
        let mut builder = MessageBuilder::new_vec()
            .start_answer(&message, Rcode::NOERROR)
            .unwrap();
        for (owner, alias) in aliases {
            let data = Cname::new(name(alias));
            builder.push((name(owner), 60, data)).unwrap();
        }
        for (owner, address) in addresses {
            let data = A::new(Ipv4Addr::from(*address));
            builder.push((name(owner), 30, data)).unwrap();
        }
        builder.finish()
    }

    fn read(bytes: &[u8]) -> Option<(Vec<String>, u64)> {
        match question().read(bytes)? {
            Answer::Addresses(found, time) => {
                let found = found.iter().map(ToString::to_string).collect();
                Some((found, time.as_secs()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_are_those_of_the_name_or_of_its_aliases() {
        #[track_caller]
        fn check(
            aliases: &[(&str, &str)],
            addresses: &[(&str, [u8; 4])],
            want: &[&str],
            seconds: u64,
        ) {
            let (found, time) = read(&answer(aliases, addresses)).unwrap();
            assert_eq!((found.as_slice(), time), (&want.map_strings()[..], seconds));
        }
        let one = [10, 0, 0, 1];
        check(&[], &[("a.example", one)], &["10.0.0.1"], 30);
        check(&[], &[("A.Example", one)], &["10.0.0.1"], 30);
        check(&[], &[("b.example", one)], &[], 0);
        let chain = [("a.example", "b.example"), ("b.example", "c.example")];
        check(&chain, &[("c.example", one)], &["10.0.0.1"], 30);
        check(&chain, &[("b.example", one)], &[], 0);
        check(&[], &[], &[], 0);
    }

    trait Strings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl Strings for [&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }

    #[test]
    fn aliases_that_lead_in_a_circle_are_no_answer() {
        let circle = [("a.example", "b.example"), ("b.example", "a.example")];
        assert_eq!(read(&answer(&circle, &[])), None);
    }

    #[test]
    fn only_so_many_addresses_are_taken() {
        let many = vec![("a.example", [10, 0, 0, 1]); 1000];
        assert_eq!(read(&answer(&[], &many)).unwrap().0.len(), ADDRESSES_MAX);
    }

    #[test]
    fn what_answers_another_question_is_no_answer() {
        let good = answer(&[], &[("a.example", [10, 0, 0, 1])]);
        assert!(read(&good).is_some());
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            question().read(&bytes)
        };
        assert_eq!(changed(1, 8), None, "another id");
        assert_eq!(changed(2, 0), None, "a question");
        assert_eq!(changed(13, b'b'), None, "another name");
        assert_eq!(changed(5, 2), None, "two questions");
    }

    #[test]
    fn failures_are_told_apart() {
        let failing = |rcode| {
            let message = question().message;
            let builder = MessageBuilder::new_vec();
            let bytes = builder.start_answer(&message, rcode).unwrap().finish();
            question().read(&bytes).unwrap()
        };
        assert_eq!(failing(Rcode::NXDOMAIN), Answer::NoName);
        assert_eq!(failing(Rcode::SERVFAIL), Answer::Failed(Rcode::SERVFAIL));
        let mut truncated = answer(&[], &[]);
        truncated[2] |= 0b10;
        assert_eq!(question().read(&truncated), Some(Answer::Truncated));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = question().read(&bytes);
        }

        /// With a head and a question that pass, so that the records are read.
        #[test]
        fn any_records_are_read_without_panic(records: Vec<u8>, count in 0u8..20) {
            let mut bytes = answer(&[], &[]);
            bytes[7] = count;
            bytes.extend(records);
            let _ = question().read(&bytes);
        }
    }
}
