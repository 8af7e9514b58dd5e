//! A question, and the bytes that ask it (RFC 1035, 4.1; RFC 6891, 6.1).

use domain::base::Name;
use domain::base::iana::Rtype;

/// The longest name, in its form on the wire (RFC 1035, 2.3.4): 253 in its text form.
const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: u8 = 63;

/// The longest answer over UDP that is asked for: one that no network has to cut into pieces,
/// which could be forged one by one.
pub(super) const UDP_BYTES_MAX: u16 = 1232;

/// Recursion desired, and nothing else.
const FLAGS: [u8; 2] = [0x01, 0x00];

/// A name as it is sent: each label after its length, and the empty one of the root.
pub(super) type WireName = Name<Vec<u8>>;

/// A text that is no name of the DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadName {
    #[error("a name has at most 253 characters")]
    TooLong,
    #[error("the parts of a name between dots have 1 to {LABEL_BYTES_MAX} characters of ASCII")]
    Label,
}

/// Reads a name, with or without a dot at its end.
pub(super) fn parse_name(text: &str) -> Result<WireName, BadName> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut wire = Vec::with_capacity(text.len() + 2);
    for label in text.split('.') {
        let length = u8::try_from(label.len()).map_err(|_| BadName::Label)?;
        if length == 0 || length > LABEL_BYTES_MAX || !label.is_ascii() {
            return Err(BadName::Label);
        }
        wire.push(length);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    if wire.len() > NAME_BYTES_MAX {
        return Err(BadName::TooLong);
    }
    Name::from_octets(wire).map_err(|_| BadName::TooLong)
}

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    /// The type of its records (RFC 1035, 3.4.1; RFC 3596, 2.1).
    pub(super) fn record_type(self) -> Rtype {
        match self {
            Self::V4 => Rtype::A,
            Self::V6 => Rtype::AAAA,
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) name: &'a WireName,
    pub(super) family: Family,
}

/// A question under way.
pub(super) struct Query<'a> {
    pub(super) id: u16,
    pub(super) question: Question<'a>,
}

impl<'a> Query<'a> {
    /// With an id that nobody can foresee (RFC 5452, 9.2).
    pub(super) fn new(question: Question<'a>) -> std::io::Result<Self> {
        let mut id = [0; 2];
        getrandom::fill(&mut id)?;
        Ok(Self {
            id: u16::from_ne_bytes(id),
            question,
        })
    }

    /// The whole message. With EDNS, it says how long an answer may be.
    pub(super) fn to_bytes(&self, with_edns: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + NAME_BYTES_MAX + 4 + 11);
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(FLAGS);
        // One question, no answer, no authority, and the record of EDNS.
        bytes.extend([0, 1, 0, 0, 0, 0, 0, u8::from(with_edns)]);
        bytes.extend(self.question.name.as_slice());
        bytes.extend(self.question.family.record_type().to_int().to_be_bytes());
        bytes.extend([0, 1]);
        if with_edns {
            // The root, OPT, the length in place of a class; version 0, no flags, no options.
            bytes.extend([0, 0, 41]);
            bytes.extend(UDP_BYTES_MAX.to_be_bytes());
            bytes.extend([0; 6]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_at_its_dots_or_refused() {
        #[track_caller]
        fn check(text: &str, want: Result<&[u8], BadName>) {
            let found = parse_name(text);
            assert_eq!(found.as_ref().map(Name::as_slice).map_err(|it| *it), want);
        }
        check("a.example", Ok(b"\x01a\x07example\0"));
        check("a.example.", Ok(b"\x01a\x07example\0"));
        check("xn--bcher-kva", Ok(b"\x0dxn--bcher-kva\0"));
        for bad in ["", ".", "..", "a..b", ".a", "a..", "bücher.example"] {
            check(bad, Err(BadName::Label));
        }
        let label = "l".repeat(63);
        let longest = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(longest.len(), 253);
        assert_eq!(parse_name(&longest).unwrap().as_slice().len(), 255);
        check(&format!("{longest}x"), Err(BadName::TooLong));
        check(&format!("{label}x.example"), Err(BadName::Label));
        check(&"l".repeat(1000), Err(BadName::Label));
    }

    #[test]
    fn a_query_has_one_question_and_a_record_of_edns() {
        let name = parse_name("a.example").unwrap();
        let question = Question {
            name: &name,
            family: Family::V6,
        };
        let query = Query {
            id: 0x1234,
            question,
        };
        let asked = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x1c\0\x01";
        assert_eq!(query.to_bytes(false), asked);
        let edns = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
        let mut with_edns = [&asked[..], edns].concat();
        with_edns[11] = 1;
        assert_eq!(query.to_bytes(true), with_edns);
    }
}
