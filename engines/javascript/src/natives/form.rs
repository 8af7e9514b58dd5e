//! Header fields and forms: `application/x-www-form-urlencoded` (<https://url.spec.whatwg.org>) and
//! `multipart/form-data` (RFC 7578).

use ::url::form_urlencoded;
use rquickjs::function::Func;
use rquickjs::{Array, Ctx, Object, TypedArray};

use crate::native::{Text, bytes_of};

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("formParse", Func::from(parse))?;
    native.set("formText", Func::from(text))?;
    native.set("multipart", Func::from(multipart))?;
    native.set("fieldName", Func::from(field_name))?;
    native.set(
        "plainField",
        Func::from(|value: Text| is_plain(value.0.as_bytes())),
    )
}

/// The name of a header in lower case, if it is a token (RFC 9110, 5.6.2).
fn field_name(mut name: Text) -> Option<String> {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.0.is_empty() || !name.0.bytes().all(is_char) {
        return None;
    }
    name.0.make_ascii_lowercase();
    Some(name.0)
}

/// Whether the value of a header is fine as it is, which nearly all are: printable ASCII with no
/// white space around it.
fn is_plain(value: &[u8]) -> bool {
    let is_inside = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    value.trim_ascii() == value && value.iter().all(is_inside)
}

/// Name, value, name, value, …
fn parse<'js>(ctx: Ctx<'js>, query: Text) -> rquickjs::Result<Array<'js>> {
    let list = Array::new(ctx)?;
    let pairs = form_urlencoded::parse(query.0.as_bytes());
    for (place, (name, value)) in pairs.enumerate() {
        list.set(2 * place, &*name)?;
        list.set(2 * place + 1, &*value)?;
    }
    Ok(list)
}

fn text(list: Array<'_>) -> rquickjs::Result<String> {
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    for place in 0..list.len() / 2 {
        let name: Text = list.get(2 * place)?;
        let value: Text = list.get(2 * place + 1)?;
        serializer.append_pair(&name.0, &value.0);
    }
    Ok(serializer.finish())
}

/// For each part: its name, the name of its file and its type (or null), and where its content
/// begins and ends. Undefined for what is no such form.
fn multipart<'js>(
    ctx: Ctx<'js>,
    bytes: TypedArray<'js, u8>,
    boundary: Text,
) -> rquickjs::Result<Option<Array<'js>>> {
    let Some(parts) = Parts::new(bytes_of(&bytes), &boundary.0).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let list = Array::new(ctx)?;
    for (place, part) in parts.iter().enumerate() {
        list.set(5 * place, &*part.name)?;
        list.set(5 * place + 1, part.file.as_deref())?;
        list.set(5 * place + 2, part.media_type.as_deref())?;
        list.set(5 * place + 3, part.start)?;
        list.set(5 * place + 4, part.end)?;
    }
    Ok(Some(list))
}

#[derive(Default)]
struct Part {
    name: String,
    file: Option<String>,
    media_type: Option<String>,
    start: usize,
    end: usize,
}

/// The parts of a form; a `None` among them says that it is damaged.
struct Parts<'a> {
    bytes: &'a [u8],
    /// What stands between two parts: a line end, two hyphens, the boundary.
    delimiter: Vec<u8>,
    /// Behind the boundary before the next part; nothing when the last one has been seen.
    at: Option<usize>,
}

impl<'a> Parts<'a> {
    fn new(bytes: &'a [u8], boundary: &str) -> Self {
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        let at = if bytes.starts_with(&delimiter[2..]) {
            Some(delimiter.len() - 2)
        } else {
            // Without any part the form is damaged: `next` finds neither "--" nor a line end there.
            Some(find(bytes, &delimiter, 0).map_or(bytes.len(), |at| at + delimiter.len()))
        };
        Self {
            bytes,
            delimiter,
            at,
        }
    }

    /// The part whose header begins at `at`, and where the boundary behind it ends.
    fn part(&self, at: usize) -> Option<(Part, usize)> {
        let head_end = find(self.bytes, b"\r\n\r\n", at)?;
        let mut part = Part {
            start: head_end + 4,
            ..Part::default()
        };
        let mut named = false;
        let head = String::from_utf8_lossy(&self.bytes[at..head_end]);
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-disposition") {
                part.name = parameter(value, "name")?;
                part.file = parameter(value, "filename");
                named = true;
            } else if name.eq_ignore_ascii_case("content-type") {
                part.media_type = Some(value.trim().to_owned());
            }
        }
        // The line end before the boundary may be the one that ends the header.
        part.end = find(self.bytes, &self.delimiter, part.start - 2)?;
        let after = part.end + self.delimiter.len();
        part.end = part.end.max(part.start);
        named.then_some((part, after))
    }
}

impl Iterator for Parts<'_> {
    type Item = Option<Part>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        let rest = self.bytes.get(at..)?;
        if rest.starts_with(b"--") {
            return None;
        }
        // Blanks may stand behind a boundary (RFC 2046, 5.1.1).
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        if !rest[blanks..].starts_with(b"\r\n") {
            return Some(None);
        }
        let part = self.part(at + blanks);
        self.at = part.as_ref().map(|(_, after)| *after);
        Some(part.map(|(part, _)| part))
    }
}

/// Where `what` begins in `bytes`, not before `from`.
fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == what[0])?;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        at += 1;
    }
}

/// A parameter of Content-Disposition. Browsers escape a quotation mark and line ends with a
/// percent sign (HTML, "multipart/form-data encoding algorithm") and nothing else; older clients
/// put a backslash before a quotation mark.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, next)) = rest.split_once(';') {
        let (name, value) = next.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The text up to the closing quotation mark, and what follows.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut rest = quoted;
    while let Some(at) = rest.find(['"', '\\']) {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if quoted.as_bytes()[quoted.len() - rest.len() - 1] == b'"' {
            return (unescape(&text), rest);
        }
        if let Some(after) = rest.strip_prefix('"') {
            text.push('"');
            rest = after;
        } else {
            text.push('\\');
        }
    }
    text.push_str(rest);
    (unescape(&text), "")
}

fn unescape(text: &str) -> String {
    text.replace("%0A", "\n")
        .replace("%0D", "\r")
        .replace("%22", "\"")
}
