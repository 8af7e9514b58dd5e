//! Addresses (<https://url.spec.whatwg.org>).

use ::url::{Position, Url, quirks};
use rquickjs::function::{Func, Opt};
use rquickjs::{Array, Ctx, Object};

use crate::native::Text;

pub(crate) fn install<'js>(_: &Ctx<'js>, native: &Object<'js>) -> rquickjs::Result<()> {
    native.set("urlParse", Func::from(parse))?;
    native.set(
        "urlValid",
        Func::from(|input: Text, base: Opt<Text>| read(&input, &base).is_some()),
    )?;
    native.set("urlSet", Func::from(set))
}

/// What the prelude keeps of an address: its text, and where the parts of it end or begin.
/// Undefined for what is none.
fn parse<'js>(ctx: Ctx<'js>, input: Text, base: Opt<Text>) -> rquickjs::Result<Option<Array<'js>>> {
    read(&input, &base).map(|url| parts(ctx, &url)).transpose()
}

fn read(input: &Text, base: &Opt<Text>) -> Option<Url> {
    match &base.0 {
        Some(base) => Url::parse(&base.0).ok()?.join(&input.0).ok(),
        None => Url::parse(&input.0).ok(),
    }
}

/// The text of an address is ASCII, so that offsets of bytes are offsets of UTF-16 units too.
fn parts<'js>(ctx: Ctx<'js>, url: &Url) -> rquickjs::Result<Array<'js>> {
    let offset = |position: Position| url[..position].len();
    let list = Array::new(ctx)?;
    list.set(0, url.as_str())?;
    list.set(1, offset(Position::AfterScheme) + 1)?;
    list.set(2, offset(Position::BeforeHost))?;
    list.set(3, offset(Position::AfterHost))?;
    list.set(4, offset(Position::AfterPort))?;
    list.set(5, offset(Position::BeforePath))?;
    list.set(6, offset(Position::AfterPath))?;
    list.set(7, offset(Position::AfterQuery))?;
    Ok(list)
}

/// The address with one part replaced, as the setter of that name does it. Undefined if that
/// setter throws.
fn set<'js>(
    ctx: Ctx<'js>,
    href: Text,
    part: Text,
    value: Text,
) -> rquickjs::Result<Option<Array<'js>>> {
    let Ok(mut url) = Url::parse(&href.0) else {
        return Ok(None);
    };
    match set_part(&mut url, &part.0, &value.0) {
        true => parts(ctx, &url).map(Some),
        false => Ok(None),
    }
}

/// False if the setter throws, which only `href` does; the others leave what they cannot set.
fn set_part(url: &mut Url, part: &str, value: &str) -> bool {
    match part {
        "href" => return quirks::set_href(url, value).is_ok(),
        "protocol" => _ = quirks::set_protocol(url, value),
        "username" => _ = quirks::set_username(url, value),
        "password" => _ = quirks::set_password(url, value),
        "host" => _ = quirks::set_host(url, value),
        "hostname" => _ = quirks::set_hostname(url, value),
        "port" => _ = quirks::set_port(url, value),
        "pathname" => quirks::set_pathname(url, value),
        "search" => quirks::set_search(url, value),
        "hash" => quirks::set_hash(url, value),
        _ => return false,
    }
    true
}
