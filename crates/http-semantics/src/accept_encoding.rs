//! Which content coding a client gets (RFC 9110 sections 8.4.1, 12.4.2 and 12.5.3).
//!
//! The server's codings are all made at bundle time, so the choice is only among what is
//! stored; the content as it is (`identity`) is always stored too. Not here: `Vary`, which the
//! caller sends with every negotiated asset whatever the choice.

/// How content is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// The name on the wire, as `Content-Encoding` wants it.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn from_token(token: &[u8]) -> Option<Self> {
        if token.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        [Self::Gzip, Self::Brotli, Self::Zstd, Self::Identity]
            .into_iter()
            .find(|coding| token.eq_ignore_ascii_case(coding.token().as_bytes()))
    }
}

/// Returns the coding the client likes best, or `None` where it accepts nothing we have (406).
///
/// `fields` are the values of all `Accept-Encoding` fields. `offers` are the stored codings
/// without [`Coding::Identity`], the server's favourite first. A coding that the client names
/// (or covers with `*`) goes before identity, unless identity is named with a higher weight.
/// Malformed elements count as absent, and so does all after the 64th. Never allocates.
pub fn choose_coding<'v>(
    fields: impl IntoIterator<Item = &'v [u8]>,
    offers: &[Coding],
) -> Option<Coding> {
    let wishes = Wishes::read(fields);
    let mut best = None;
    let mut best_weight = 0;
    for &offer in offers {
        let weight = wishes.named(offer).or(wishes.any).unwrap_or(0);
        if weight > best_weight {
            (best, best_weight) = (Some(offer), weight);
        }
    }
    if best.is_some() && best_weight >= wishes.identity.unwrap_or(0) {
        return best;
    }
    // Identity is acceptable unless it, or all that is not named, is excluded (12.5.3).
    (wishes.identity.or(wishes.any) != Some(0)).then_some(Coding::Identity)
}

/// More elements than this no honest client sends; the rest is not looked at.
const ELEMENTS_MAX: usize = 64;

/// The weight of each coding in thousandths; `None` where the client does not name it.
#[derive(Default)]
struct Wishes {
    identity: Option<u16>,
    zstd: Option<u16>,
    brotli: Option<u16>,
    gzip: Option<u16>,
    any: Option<u16>,
}

impl Wishes {
    fn read<'v>(fields: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let mut wishes = Self::default();
        let elements = fields
            .into_iter()
            .flat_map(|value| value.split(|&byte| byte == b','));
        for (token, weight) in elements.take(ELEMENTS_MAX).filter_map(read_element) {
            let slot = match Coding::from_token(token) {
                Some(Coding::Identity) => &mut wishes.identity,
                Some(Coding::Zstd) => &mut wishes.zstd,
                Some(Coding::Brotli) => &mut wishes.brotli,
                Some(Coding::Gzip) => &mut wishes.gzip,
                None if token == b"*" => &mut wishes.any,
                None => continue,
            };
            // The RFC is silent on a coding named twice. The higher weight counts, so that the
            // order of the fields does not.
            *slot = (*slot).max(Some(weight));
        }
        wishes
    }

    fn named(&self, coding: Coding) -> Option<u16> {
        match coding {
            Coding::Identity => self.identity,
            Coding::Zstd => self.zstd,
            Coding::Brotli => self.brotli,
            Coding::Gzip => self.gzip,
        }
    }
}

/// `codings [ OWS ";" OWS "q=" qvalue ]`
fn read_element(element: &[u8]) -> Option<(&[u8], u16)> {
    let Some(semicolon) = element.iter().position(|&byte| byte == b';') else {
        return Some((element.trim_ascii(), 1000));
    };
    let (name, value) = element[semicolon + 1..].trim_ascii().split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    Some((element[..semicolon].trim_ascii(), read_weight(value)?))
}

/// `( "0" [ "." *3DIGIT ] ) / ( "1" [ "." *3"0" ] )`, in thousandths.
fn read_weight(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = *decimals.get(place).unwrap_or(&b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        weight = weight * 10 + u16::from(digit - b'0');
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity, Zstd};
    use super::*;
    use proptest::prelude::*;

    const ALL: &[Coding] = &[Brotli, Zstd, Gzip];

    #[track_caller]
    fn check(fields: &[&str], offers: &[Coding], want: Option<Coding>) {
        let got = choose_coding(fields.iter().map(|field| field.as_bytes()), offers);
        assert_eq!(got, want, "{fields:?} {offers:?}");
    }

    #[test]
    fn a_silent_client_gets_identity() {
        check(&[], ALL, Some(Identity));
        check(&[""], ALL, Some(Identity));
        check(&[" \t"], ALL, Some(Identity));
        check(&["deflate, compress"], ALL, Some(Identity));
    }

    #[test]
    fn the_server_breaks_ties_among_what_it_stores() {
        check(&["gzip, deflate, br, zstd"], ALL, Some(Brotli));
        check(&["gzip, deflate, br, zstd"], &[Zstd, Brotli], Some(Zstd));
        check(&["gzip", "br"], ALL, Some(Brotli));
        check(&["gzip, br"], &[Gzip], Some(Gzip));
        check(&["gzip"], &[Brotli, Zstd], Some(Identity));
        check(&["gzip"], &[], Some(Identity));
    }

    #[test]
    fn the_highest_weight_wins() {
        check(&["br;q=0.8, gzip;q=0.9"], ALL, Some(Gzip));
        check(&["br;q=0.899, zstd;q=0.9, gzip;q=0.89"], ALL, Some(Zstd));
        check(&["br;q=0.001, gzip;q=0"], ALL, Some(Brotli));
        check(&["br;q=0", "gzip;q=0.000"], ALL, Some(Identity));
        check(&["gzip;q=1.000, br;q=0.999"], ALL, Some(Gzip));
        check(&["gzip;q=0, x-gzip;q=0.5"], ALL, Some(Gzip));
    }

    #[test]
    fn identity_comes_last_unless_its_weight_is_higher() {
        check(&["identity, gzip"], ALL, Some(Gzip));
        check(&["identity;q=0.5, gzip;q=0.5"], ALL, Some(Gzip));
        check(&["identity, gzip;q=0.9"], ALL, Some(Identity));
        check(&["gzip;q=0.1"], ALL, Some(Gzip));
        check(&["identity"], ALL, Some(Identity));
    }

    #[test]
    fn a_star_covers_what_is_not_named() {
        check(&["*"], ALL, Some(Brotli));
        check(&["*"], &[], Some(Identity));
        check(&["br;q=0, *"], ALL, Some(Zstd));
        check(&["gzip, *;q=0.5"], ALL, Some(Gzip));
        check(&["gzip, *;q=0"], ALL, Some(Gzip));
        check(&["identity, *;q=0"], ALL, Some(Identity));
        check(
            &["gzip;q=0.5, *;q=0.1, identity;q=0.7"],
            ALL,
            Some(Identity),
        );
    }

    #[test]
    fn excluding_everything_leaves_nothing() {
        check(&["*;q=0"], ALL, None);
        check(&["identity;q=0"], ALL, None);
        check(&["identity;q=0, gzip"], &[Brotli], None);
        check(&["identity;q=0, gzip"], &[Gzip], Some(Gzip));
        check(&["identity;q=0, *"], ALL, Some(Brotli));
        check(&["gzip, *;q=0"], &[Brotli], None);
        check(&["identity;q=0, *;q=1"], &[], None);
    }

    #[test]
    fn case_and_whitespace_do_not_matter() {
        check(&["GZip"], ALL, Some(Gzip));
        check(&["X-GZIP"], ALL, Some(Gzip));
        check(&[" \tgzip\t;  Q=0.5 ,\t br ; q=0.4 "], ALL, Some(Gzip));
        check(&[",, ,br,"], ALL, Some(Brotli));
        check(&["IDENTITY;q=0"], ALL, None);
    }

    #[test]
    fn malformed_elements_count_as_absent() {
        let malformed = "br;q=1.001|br;q=2|br;q=|br;q|br;|br;;q=1|br;q=0.1234|br;q=.5|\
                         br;q=-0|br;q= 1|br;q=1;x=2|br;level=9|br;q=0.x|b r|br q=1|brr";
        for element in malformed.split('|') {
            check(&[element], ALL, Some(Identity));
            check(&[element, "gzip;q=0.1"], ALL, Some(Gzip));
        }
        check(&["br;q=1.", "gzip"], ALL, Some(Brotli));
        check(&["br;q=0.", "gzip"], ALL, Some(Gzip));
    }

    #[test]
    fn elements_after_the_64th_are_not_read() {
        let padding = "x,".repeat(63);
        check(&[&format!("{padding}gzip")], ALL, Some(Gzip));
        check(&[&format!("{padding}x,gzip")], ALL, Some(Identity));
        check(&[padding.as_str(), "gzip"], ALL, Some(Identity));
    }

    proptest! {
        #[test]
        fn only_offers_and_identity_are_ever_chosen(
            fields in prop::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let chosen = choose_coding(fields.iter().map(Vec::as_slice), &[Zstd]);
            prop_assert!(matches!(chosen, None | Some(Zstd | Identity)));
        }

        #[test]
        fn a_weight_reads_as_its_thousandths(thousandths in 0_u16..=1000) {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            prop_assert_eq!(read_weight(text.as_bytes()), Some(thousandths));
        }
    }
}
