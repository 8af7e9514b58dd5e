//! How a bundle becomes part of an executable: one read-only `PT_LOAD` segment of its own.
//!
//! The stub's `PT_NOTE` program header, which a static executable does not need, is turned into a
//! `PT_LOAD` over the bundle behind the stub; the kernel then maps it at exec, without reading it.
//! A section `.wws.bundle` over the same bytes (`SHF_ALLOC`, as loaded sections are) makes `strip`
//! and `objcopy` carry it along. Only 64-bit little-endian ELF, from the ELF-64 object file format,
//! version 1.5.

use crate::MAGIC;
use crate::header::{u32_at, u64_at};

/// The name of the section over the bundle.
pub const SECTION_NAME: &str = ".wws.bundle";

const HEADER_BYTES: usize = 64;
const PHOFF_AT: usize = 32;
const SHOFF_AT: usize = 40;
const PHENTSIZE_AT: usize = 54;
const PHNUM_AT: usize = 56;
const SHENTSIZE_AT: usize = 58;
const SHNUM_AT: usize = 60;
const SHSTRNDX_AT: usize = 62;

/// The size of one program header.
pub const PROGRAM_HEADER_BYTES: usize = 56;
const SECTION_HEADER_SIZE: u16 = 64;
const SECTION_HEADER_BYTES: usize = SECTION_HEADER_SIZE as usize;

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PF_R: u32 = 4;
const SHT_PROGBITS: u32 = 1;
const SHT_STRTAB: u32 = 3;
const SHF_ALLOC: u64 = 2;

/// Why a file is no stub, or no app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Another kind of file.
    #[error("this is no 64-bit little-endian ELF executable")]
    NotElf,
    /// A table that lies outside the file.
    #[error("the ELF headers of this file are damaged")]
    Damaged,
    /// All program headers are needed.
    #[error("the stub has no spare PT_NOTE program header to turn into the bundle's segment")]
    NoSpareHeader,
    /// A stub, or something else.
    #[error("there is no bundle in this executable; was it made by `wws bundle`?")]
    NoBundle,
    /// The file ends before the segment does.
    #[error("the executable ends before its bundle does; copy the file again")]
    Truncated,
}

/// One program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramHeader {
    kind: u32,
    flags: u32,
    /// In the file.
    pub offset: u64,
    /// In memory, before the load bias.
    pub address: u64,
    /// In the file.
    pub file_bytes: u64,
    memory_bytes: u64,
    align: u64,
}

impl ProgramHeader {
    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            kind: u32_at(bytes, 0)?,
            flags: u32_at(bytes, 4)?,
            offset: u64_at(bytes, 8)?,
            address: u64_at(bytes, 16)?,
            file_bytes: u64_at(bytes, 32)?,
            memory_bytes: u64_at(bytes, 40)?,
            align: u64_at(bytes, 48)?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PROGRAM_HEADER_BYTES);
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(self.flags.to_le_bytes());
        for field in [
            self.offset,
            self.address,
            self.address,
            self.file_bytes,
            self.memory_bytes,
            self.align,
        ] {
            bytes.extend(field.to_le_bytes());
        }
        bytes
    }
}

/// Finds the bundle's segment in a table of program headers: the last one in memory, if it is
/// read-only. A stub alone ends in a writable segment.
pub fn bundle_segment(program_headers: &[u8]) -> Option<ProgramHeader> {
    program_headers
        .chunks_exact(PROGRAM_HEADER_BYTES)
        .filter_map(ProgramHeader::decode)
        .filter(|header| header.kind == PT_LOAD)
        .max_by_key(|header| header.address)
        .filter(|header| header.flags == PF_R && header.offset > 0)
}

/// The address that the first byte of the file has before the load bias.
pub fn file_start_address(program_headers: &[u8]) -> Option<u64> {
    program_headers
        .chunks_exact(PROGRAM_HEADER_BYTES)
        .filter_map(ProgramHeader::decode)
        .find(|header| header.kind == PT_LOAD && header.offset == 0)
        .map(|header| header.address)
}

/// Where in an app the bundle lies.
pub fn locate(app: &[u8]) -> Result<std::ops::Range<usize>, ElfError> {
    let table = Tables::of(app)?;
    let segment = bundle_segment(&app[table.program_headers.clone()]).ok_or(ElfError::NoBundle)?;
    let start = usize::try_from(segment.offset).map_err(|_| ElfError::Damaged)?;
    let length = usize::try_from(segment.file_bytes).map_err(|_| ElfError::Damaged)?;
    let end = start.checked_add(length).ok_or(ElfError::Damaged)?;
    if end > app.len() {
        return Err(ElfError::Truncated);
    }
    if !app[start..end].starts_with(&MAGIC) {
        return Err(ElfError::NoBundle);
    }
    Ok(start..end)
}

/// A stub that a bundle can be attached to.
#[derive(Debug)]
pub struct Stub<'s> {
    bytes: &'s [u8],
    tables: Tables,
    spare_at: usize,
    bundle_address: u64,
    page: u64,
}

/// What turns stub and bundle into an app.
#[derive(Debug)]
pub struct Attachment {
    /// Bytes to write over those of the stub, each at its offset.
    pub patches: Vec<(u64, Vec<u8>)>,
    /// Bytes to write right behind the bundle.
    pub tail: Vec<u8>,
}

impl<'s> Stub<'s> {
    /// Checks that a bundle can be attached. `page` is the page size of the target machine, or a
    /// multiple of it.
    pub fn parse(bytes: &'s [u8], page: u64) -> Result<Self, ElfError> {
        let tables = Tables::of(bytes)?;
        let headers = || {
            let table = &bytes[tables.program_headers.clone()];
            table
                .chunks_exact(PROGRAM_HEADER_BYTES)
                .filter_map(ProgramHeader::decode)
                .enumerate()
        };
        let (place, _) = headers()
            .find(|(_, header)| header.kind == PT_NOTE)
            .ok_or(ElfError::NoSpareHeader)?;
        let end = headers()
            .filter(|(_, header)| header.kind == PT_LOAD)
            .map(|(_, header)| header.address.saturating_add(header.memory_bytes))
            .max()
            .ok_or(ElfError::Damaged)?;
        let bundle_address = end
            .checked_next_multiple_of(page)
            .ok_or(ElfError::Damaged)?;
        let spare_at = tables.program_headers.start + place * PROGRAM_HEADER_BYTES;
        Ok(Self {
            bytes,
            tables,
            spare_at,
            bundle_address,
            page,
        })
    }

    /// Where in the file the bundle has to begin.
    pub fn bundle_offset(&self) -> u64 {
        (self.bytes.len() as u64).next_multiple_of(self.page)
    }

    /// The headers of an app with a bundle of that length.
    pub fn attach(&self, bundle_bytes: u64) -> Result<Attachment, ElfError> {
        let segment = ProgramHeader {
            kind: PT_LOAD,
            flags: PF_R,
            offset: self.bundle_offset(),
            address: self.bundle_address,
            file_bytes: bundle_bytes,
            memory_bytes: bundle_bytes,
            align: self.page,
        };
        let bundle_end = self.bundle_offset() + bundle_bytes;
        let (tail, section_headers_at, count) = self.section_table(&segment, bundle_end)?;
        let mut counts = count.to_le_bytes().to_vec();
        counts.extend((count - 1).to_le_bytes());
        let patches = vec![
            (SHOFF_AT as u64, section_headers_at.to_le_bytes().to_vec()),
            (
                SHENTSIZE_AT as u64,
                SECTION_HEADER_SIZE.to_le_bytes().to_vec(),
            ),
            (SHNUM_AT as u64, counts),
            (self.spare_at as u64, segment.encode()),
        ];
        Ok(Attachment { patches, tail })
    }

    /// The stub's sections, the bundle's, and the names of all, to stand behind the bundle.
    fn section_table(
        &self,
        segment: &ProgramHeader,
        bundle_end: u64,
    ) -> Result<(Vec<u8>, u64, u16), ElfError> {
        let mut names = self.bytes[self.tables.section_names.clone()].to_vec();
        if names.is_empty() {
            names.push(0);
        }
        let bundle_name = u32::try_from(names.len()).map_err(|_| ElfError::Damaged)?;
        names.extend(SECTION_NAME.as_bytes());
        names.push(0);
        let strtab_name = u32::try_from(names.len()).map_err(|_| ElfError::Damaged)?;
        names.extend(b".shstrtab\0");

        let names_bytes = names.len() as u64;
        let mut tail = names;
        let unpadded = bundle_end + tail.len() as u64;
        let section_headers_at = unpadded.next_multiple_of(8);
        tail.extend(std::iter::repeat_n(
            0,
            usize::try_from(section_headers_at - unpadded).unwrap_or_default(),
        ));

        let old = &self.bytes[self.tables.section_headers.clone()];
        // An ELF file without sections still needs the null section in front of the new ones.
        if old.is_empty() {
            tail.extend([0; SECTION_HEADER_BYTES]);
        }
        tail.extend(old);
        tail.extend(section_header(&SectionHeader {
            name: bundle_name,
            kind: SHT_PROGBITS,
            flags: SHF_ALLOC,
            address: segment.address,
            offset: segment.offset,
            bytes: segment.file_bytes,
            align: segment.align,
        }));
        tail.extend(section_header(&SectionHeader {
            name: strtab_name,
            kind: SHT_STRTAB,
            flags: 0,
            address: 0,
            offset: bundle_end,
            bytes: names_bytes,
            align: 1,
        }));
        let old_count = (old.len() / SECTION_HEADER_BYTES).max(1);
        let count = u16::try_from(old_count + 2).map_err(|_| ElfError::Damaged)?;
        Ok((tail, section_headers_at, count))
    }
}

struct SectionHeader {
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    bytes: u64,
    align: u64,
}

fn section_header(header: &SectionHeader) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SECTION_HEADER_BYTES);
    bytes.extend(header.name.to_le_bytes());
    bytes.extend(header.kind.to_le_bytes());
    for field in [header.flags, header.address, header.offset, header.bytes] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([0; 8]); // sh_link, sh_info
    bytes.extend(header.align.to_le_bytes());
    bytes.extend([0; 8]); // sh_entsize
    bytes
}

/// Where the tables of an ELF file lie; all inside it.
#[derive(Debug)]
struct Tables {
    program_headers: std::ops::Range<usize>,
    section_headers: std::ops::Range<usize>,
    section_names: std::ops::Range<usize>,
}

impl Tables {
    fn of(file: &[u8]) -> Result<Self, ElfError> {
        // Class 2: 64 bits; data 1: little-endian.
        if file.len() < HEADER_BYTES || !file.starts_with(b"\x7fELF\x02\x01") {
            return Err(ElfError::NotElf);
        }
        Self::read(file).ok_or(ElfError::Damaged)
    }

    fn read(file: &[u8]) -> Option<Self> {
        let u16_at = |at: usize| Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?));
        let table = |offset: u64, count: u16, width: usize| {
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::from(count).checked_mul(width)?)?;
            (end <= file.len()).then_some(start..end)
        };
        if usize::from(u16_at(PHENTSIZE_AT)?) != PROGRAM_HEADER_BYTES {
            return None;
        }
        let program_headers = table(
            u64_at(file, PHOFF_AT)?,
            u16_at(PHNUM_AT)?,
            PROGRAM_HEADER_BYTES,
        )?;
        // Section headers may be gone (`strip --strip-sections`) or cut off: nothing needs them.
        let section_headers = table(
            u64_at(file, SHOFF_AT)?,
            u16_at(SHNUM_AT)?,
            SECTION_HEADER_BYTES,
        )
        .unwrap_or(0..0);
        let names_at =
            section_headers.start + usize::from(u16_at(SHSTRNDX_AT)?) * SECTION_HEADER_BYTES;
        let section_names = match section_headers.contains(&names_at) {
            true => {
                let start = usize::try_from(u64_at(file, names_at + 24)?).ok()?;
                let end = start.checked_add(usize::try_from(u64_at(file, names_at + 32)?).ok()?)?;
                if end <= file.len() { start..end } else { 0..0 }
            }
            false => 0..0,
        };
        Some(Self {
            program_headers,
            section_headers,
            section_names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The smallest ELF file with a loaded, writable segment and the given second header.
    fn stub(second_kind: u32) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(HEADER_BYTES, 0);
        file[PHOFF_AT..PHOFF_AT + 8].copy_from_slice(&64u64.to_le_bytes());
        file[PHENTSIZE_AT..PHENTSIZE_AT + 2].copy_from_slice(&56u16.to_le_bytes());
        file[PHNUM_AT..PHNUM_AT + 2].copy_from_slice(&2u16.to_le_bytes());
        let load = ProgramHeader {
            kind: PT_LOAD,
            flags: 6,
            offset: 0,
            address: 0x1000,
            file_bytes: 176,
            memory_bytes: 0x2345,
            align: 0x1000,
        };
        file.extend(load.encode());
        file.extend(
            ProgramHeader {
                kind: second_kind,
                ..load
            }
            .encode(),
        );
        file
    }

    fn attached(stub: &[u8], bundle: &[u8]) -> Vec<u8> {
        let parsed = Stub::parse(stub, 4096).unwrap();
        let attachment = parsed.attach(bundle.len() as u64).unwrap();
        let mut app = stub.to_vec();
        app.resize(usize::try_from(parsed.bundle_offset()).unwrap(), 0);
        app.extend(bundle);
        app.extend(attachment.tail);
        for (at, bytes) in attachment.patches {
            let at = usize::try_from(at).unwrap();
            app[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        app
    }

    #[test]
    fn an_attached_bundle_is_found_in_a_segment_of_its_own() {
        let bundle = [&MAGIC[..], b"the rest"].concat();
        let app = attached(&stub(PT_NOTE), &bundle);
        assert_eq!(&app[locate(&app).unwrap()], &bundle);
        let tables = Tables::of(&app).unwrap();
        let headers = &app[tables.program_headers];
        let segment = bundle_segment(headers).unwrap();
        assert_eq!(segment.address, 0x4000);
        assert_eq!(file_start_address(headers), Some(0x1000));
        let names = &app[tables.section_names];
        assert!(
            names
                .windows(SECTION_NAME.len())
                .any(|w| w == SECTION_NAME.as_bytes())
        );
        assert_eq!(tables.section_headers.len(), 3 * SECTION_HEADER_BYTES);
    }

    #[test]
    fn what_is_no_app_is_refused_in_words() {
        assert_eq!(
            Stub::parse(&stub(7), 4096).unwrap_err(),
            ElfError::NoSpareHeader
        );
        assert_eq!(locate(&stub(PT_NOTE)), Err(ElfError::NoBundle));
        assert_eq!(locate(b"#!/bin/sh"), Err(ElfError::NotElf));
        let mut cut = attached(&stub(PT_NOTE), &[&MAGIC[..], &[7; 9000]].concat());
        cut.truncate(6000);
        assert_eq!(locate(&cut), Err(ElfError::Truncated));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            change in prop::collection::vec((0usize..176, any::<u8>()), 0..8), cut in 0usize..177,
        ) {
            let mut file = stub(PT_NOTE);
            for (at, byte) in change {
                file[at] = byte;
            }
            file.truncate(cut);
            let _ = locate(&file);
            if let Ok(stub) = Stub::parse(&file, 4096) {
                let _ = stub.attach(100);
            }
        }
    }
}
