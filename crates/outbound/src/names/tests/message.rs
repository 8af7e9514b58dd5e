//! Messages put together byte by byte, since bad ones are wanted too (RFC 1035, 4.1).

use std::net::Ipv4Addr;

use crate::names::question::parse_name;

pub(super) const A: u16 = 1;
pub(super) const CNAME: u16 = 5;
pub(super) const SOA: u16 = 6;
pub(super) const AAAA: u16 = 28;

/// The name of the question, where it stands in every message.
pub(super) const ASKED: &[u8] = &[0xc0, 12];

/// An answer to a query that desired recursion, which is there.
pub(super) const OK: [u8; 2] = [0x81, 0x80];
pub(super) const FORMERR: [u8; 2] = [0x81, 0x81];
pub(super) const SERVFAIL: [u8; 2] = [0x81, 0x82];
pub(super) const NXDOMAIN: [u8; 2] = [0x81, 0x83];
pub(super) const TRUNCATED: [u8; 2] = [0x83, 0x80];

pub(super) fn wire(name: &str) -> Vec<u8> {
    parse_name(name).unwrap().as_slice().to_vec()
}

pub(super) fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [
        owner,
        &kind.to_be_bytes(),
        &[0, 1],
        &ttl.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

/// An address of the name asked for, for a minute.
pub(super) fn a(address: [u8; 4]) -> Vec<u8> {
    record(ASKED, A, 60, &address)
}

pub(super) fn aaaa(last: u8) -> Vec<u8> {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    address[15] = last;
    record(ASKED, AAAA, 60, &address)
}

/// So many addresses of the name asked for, from 10.0.0.0 on.
pub(super) fn many(count: u32) -> Vec<Vec<u8>> {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    let addresses = (first..first + count).map(Ipv4Addr::from);
    addresses.map(|address| a(address.octets())).collect()
}

pub(super) fn alias(owner: &str, target: &str) -> Vec<u8> {
    record(&wire(owner), CNAME, 60, &wire(target))
}

/// What says how long there is nothing: the zone's TTL, and its last field.
pub(super) fn soa(ttl: u32, minimum: u32) -> Vec<u8> {
    let names = [wire("ns.example"), wire("root.example")].concat();
    let numbers = [1, 2, 3, 4, minimum].map(u32::to_be_bytes).concat();
    record(&wire("example"), SOA, ttl, &[names, numbers].concat())
}

/// An answer to a query.
pub(super) fn answer(
    query: &[u8],
    flags: [u8; 2],
    answers: &[Vec<u8>],
    authority: &[Vec<u8>],
) -> Vec<u8> {
    let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap().to_be_bytes();
    [
        &query[..2],
        &flags,
        &[0, 1],
        &count(answers),
        &count(authority),
        &[0, 0],
        question(query),
        &answers.concat(),
        &authority.concat(),
    ]
    .concat()
}

/// The question of a query, with its type and class.
pub(super) fn question(query: &[u8]) -> &[u8] {
    let end = query[12..].iter().position(|byte| *byte == 0).unwrap();
    &query[12..12 + end + 5]
}
