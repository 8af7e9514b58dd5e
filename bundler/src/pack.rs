//! Writes a bundle: contents, native code, index, meta; the header last, in front.
//!
//! Contents are compressed on all cores and written as they come, in the order of the files, so
//! that the same site gives the same bytes and memory holds only what is in work.

mod code;

use std::collections::HashMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use bundle_format::header::{HEADER_BYTES, Header, Section};
use bundle_format::index::{
    ContentId, EntryId, IndexBuilder, IndexError, Target, Variant, block_hashes,
};
use bundle_format::meta::{
    EngineFingerprint, IndexShape, Layout, Meta, ScriptEngineRecord, WorkerRecord,
};
use bundle_format::{ContentHash, PAGE};
use worker_host::{Concurrency, Cpu, SETTINGS_VERSION, TARGET, WASMTIME_VERSION};

pub use self::code::CodeOptions;
use self::code::{pack_script_engine, pack_workers};
use crate::compile::CompiledSite;
use crate::encode::{EncodeOptions, Encoded, Encoder};
use crate::hosting::Hosting;
use crate::media_type::{cache_policy, media_type};
use crate::parallel::in_order;
use crate::plan::{Plan, PlannedTarget};
use crate::rules::PlannedRules;
use crate::scan::SourceFile;
use crate::survey::{AssetFile, Survey};

/// Everything that a bundle is written from.
pub struct Ingredients<'i> {
    /// The folder.
    pub site: &'i Path,
    /// Files and layout.
    pub survey: &'i Survey,
    /// Paths.
    pub plan: &'i Plan,
    /// What the app can host.
    pub hosting: Hosting,
    /// What the site says of its paths.
    pub rules: &'i PlannedRules,
    /// Native code.
    pub compiled: &'i CompiledSite,
    /// The CPU that it was compiled for.
    pub cpu: Cpu,
    /// How assets are coded.
    pub encode: EncodeOptions,
    /// How native code is stored.
    pub code: CodeOptions,
    /// For all paths.
    pub prefix: String,
    /// For all assets.
    pub modified: Option<u64>,
}

/// How large things became.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// The whole bundle.
    pub bundle_bytes: u64,
    /// All assets, plain.
    pub asset_bytes: u64,
    /// All assets, in all their codings.
    pub stored_asset_bytes: u64,
    /// Native code, plain.
    pub code_bytes: u64,
    /// Native code, as stored.
    pub stored_code_bytes: u64,
}

/// Why a bundle was not written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file of the site.
    #[error("{name}: {reason}")]
    Source {
        /// The file.
        name: String,
        /// What the system says.
        reason: io::Error,
    },
    /// A file that is not what it was a moment ago.
    #[error("{name} was changed while it was being bundled; run the command again")]
    Changed {
        /// The file.
        name: String,
    },
    /// The output.
    #[error("cannot write the bundle: {0}")]
    Write(#[from] io::Error),
    /// Too many files, or too long names.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// More content types than 16 bits number.
    #[error("the site has more than 65,536 content types")]
    MediaTypes,
    /// The meta section is plain data, so this is an error of wws.
    #[error(transparent)]
    Meta(#[from] bundle_format::meta::MetaError),
    /// So is the rules section.
    #[error(transparent)]
    Rules(#[from] bundle_format::rules::RulesError),
}

/// Writes a bundle to `out`, which begins where the bundle does. `done` is called with the length
/// of each file that has been dealt with.
pub fn pack<W: Write + Seek>(
    out: W,
    ingredients: &Ingredients<'_>,
    mut done: impl FnMut(u64),
) -> Result<Packed, PackError> {
    let mut writer = Writer::new(out)?;
    let mut index = IndexBuilder::default();
    let assets = &ingredients.survey.assets;
    let mut packed = Packed::default();

    let contents_at = writer.position;
    let contents = pack_contents(&mut writer, &mut index, ingredients, &mut packed, &mut done)?;
    packed.stored_asset_bytes = writer.position - contents_at;
    let contents_section = Section::of_hashed_parts(contents_at, writer.position - contents_at);

    writer.align(PAGE)?;
    let code_at = writer.position;
    let script_engine = pack_script_engine(&mut writer, ingredients, &mut packed)?;
    let workers = pack_workers(&mut writer, ingredients, &mut packed)?;
    let code_section = Section::of_hashed_parts(code_at, writer.position - code_at);

    let media_types = add_paths(&mut index, assets, &contents, ingredients)?;
    let (index_bytes, shape) = index.build()?;
    let index_section = writer.section(&index_bytes)?;
    let index_section = Section::of_hashed_parts(index_section.offset, index_section.length);
    let hashes_section = writer.section(&block_hashes(&index_bytes))?;
    let meta = meta(ingredients, (workers, script_engine), media_types, shape);
    let meta_section = writer.section(&meta.encode()?)?;
    let rules_section = writer.section(&ingredients.rules.rules.encode()?)?;
    let sections = [
        contents_section,
        code_section,
        index_section,
        hashes_section,
        meta_section,
        rules_section,
    ];
    packed.bundle_bytes = writer.finish(sections)?;
    Ok(packed)
}

/// A content of the bundle, and whether it is text.
#[derive(Clone, Copy)]
struct PackedContent {
    id: ContentId,
    is_utf8: bool,
}

/// Writes the contents of all assets, identical ones once. Gives one for each asset.
fn pack_contents<W: Write + Seek>(
    writer: &mut Writer<W>,
    index: &mut IndexBuilder,
    ingredients: &Ingredients<'_>,
    packed: &mut Packed,
    done: &mut impl FnMut(u64),
) -> Result<Vec<PackedContent>, PackError> {
    let files: Vec<&SourceFile> = ingredients.survey.assets.iter().map(|a| &a.file).collect();
    let hashes = hash_files(&files)?;
    let mut first_with: HashMap<ContentHash, usize> = HashMap::new();
    let unique: Vec<usize> = (0..files.len())
        .filter(|&place| *first_with.entry(hashes[place]).or_insert(place) == place)
        .collect();
    let mut by_hash: HashMap<ContentHash, PackedContent> = HashMap::with_capacity(unique.len());
    in_order(
        &unique,
        || Encoder::new(ingredients.encode.clone()),
        |encoder, &place| match encoder {
            Ok(encoder) => encoder.encode_file(files[place]),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        },
        |&place, encoded| {
            let name = || files[place].name.clone();
            let encoded = encoded.map_err(|reason| PackError::Source {
                name: name(),
                reason,
            })?;
            if encoded.hash != hashes[place] {
                return Err(PackError::Changed { name: name() });
            }
            let content = write_content(writer, index, &encoded)?;
            by_hash.insert(encoded.hash, content);
            packed.asset_bytes += encoded.length;
            done(encoded.length);
            Ok(())
        },
    )?;
    for (place, file) in files.iter().enumerate() {
        if first_with[&hashes[place]] != place {
            packed.asset_bytes += file.length;
            done(file.length);
        }
    }
    Ok(hashes.iter().map(|hash| by_hash[hash]).collect())
}

/// The hash of each file, so that identical ones are compressed once.
fn hash_files(files: &[&SourceFile]) -> Result<Vec<ContentHash>, PackError> {
    let mut hashes = Vec::with_capacity(files.len());
    in_order(
        files,
        || (),
        |(), file| std::fs::read(&file.path).map(|bytes| ContentHash::of(&bytes)),
        |file, hash| {
            let source = |reason| PackError::Source {
                name: file.name.clone(),
                reason,
            };
            hashes.push(hash.map_err(source)?);
            Ok::<_, PackError>(())
        },
    )?;
    Ok(hashes)
}

fn write_content<W: Write + Seek>(
    writer: &mut Writer<W>,
    index: &mut IndexBuilder,
    encoded: &Encoded,
) -> Result<PackedContent, PackError> {
    let mut variants = Vec::with_capacity(encoded.variants.len());
    for (coding, bytes) in &encoded.variants {
        let offset = writer.position;
        writer.write(bytes)?;
        let length = bytes.len() as u64;
        variants.push(Variant {
            offset,
            length,
            hash: ContentHash::of(bytes),
            coding: *coding,
        });
    }
    let id = index.add_content(encoded.length, encoded.hash, &variants)?;
    Ok(PackedContent {
        id,
        is_utf8: encoded.is_utf8,
    })
}

/// Adds all paths to the index; gives the content types that they name.
fn add_paths(
    index: &mut IndexBuilder,
    assets: &[AssetFile],
    contents: &[PackedContent],
    Ingredients { plan, rules, .. }: &Ingredients<'_>,
) -> Result<Vec<String>, PackError> {
    // Most paths of an asset are prefixes of its own, and share its bytes.
    let texts = assets
        .iter()
        .map(|asset| index.add_path(&asset.url_path))
        .collect::<Result<Vec<_>, _>>()?;
    let text_of = |index: &mut IndexBuilder, asset: usize, path: &str| match assets[asset]
        .url_path
        .starts_with(path)
    {
        true => Ok(texts[asset].prefix(path.len())),
        false => index.add_path(path),
    };
    let mut media_types = MediaTypes::default();
    let mut pages: HashMap<&str, EntryId> = HashMap::new();
    for planned in &plan.paths {
        let target = match &planned.target {
            PlannedTarget::Redirect { .. } => continue,
            PlannedTarget::Worker(place) => Target::Worker {
                worker: u32::try_from(*place).map_err(|_| IndexError::TooLarge)?,
            },
            PlannedTarget::Asset(place) => {
                let PackedContent { id, is_utf8 } = contents[*place];
                let name = &assets[*place].file.name;
                let media_type = media_types.number(media_type(name, is_utf8))?;
                Target::Asset {
                    content: id,
                    media_type,
                    cache: cache_policy(name),
                    fields: rules.fields.get(&planned.path).copied(),
                }
            }
        };
        let text = match planned.target {
            PlannedTarget::Asset(place) => text_of(index, place, &planned.path)?,
            _ => index.add_path(&planned.path)?,
        };
        pages.insert(&planned.path, index.add_entry(text, target)?);
    }
    for planned in &plan.paths {
        if let PlannedTarget::Redirect { asset, to } = &planned.target
            && let Some(to) = pages.get(to.as_str())
        {
            let text = text_of(index, *asset, &planned.path)?;
            index.add_entry(text, Target::Redirect { to: *to })?;
        }
    }
    Ok(media_types.names)
}

#[derive(Default)]
struct MediaTypes {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl MediaTypes {
    fn number(&mut self, name: String) -> Result<u16, PackError> {
        if let Some(number) = self.numbers.get(&name) {
            return Ok(*number);
        }
        let number = u16::try_from(self.names.len()).map_err(|_| PackError::MediaTypes)?;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        Ok(number)
    }
}

fn meta(
    ingredients: &Ingredients<'_>,
    (workers, script_engine): (Vec<WorkerRecord>, Option<ScriptEngineRecord>),
    media_types: Vec<String>,
    index: IndexShape,
) -> Meta {
    let survey = ingredients.survey;
    let layout: Layout = survey.layout;
    Meta {
        wws_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: EngineFingerprint {
            wasmtime: WASMTIME_VERSION.to_owned(),
            settings: SETTINGS_VERSION,
            target: TARGET.to_owned(),
            cpu: ingredients.cpu.name().to_owned(),
            concurrency: ingredients.hosting.concurrency() == Concurrency::On,
        },
        layout,
        layout_reason: survey.layout_reason.clone(),
        prefix: ingredients.prefix.clone(),
        modified: ingredients.modified,
        media_types,
        not_found_depth: ingredients.plan.not_found_depth,
        site: ingredients.rules.record.clone(),
        asset_files: u32::try_from(survey.assets.len()).unwrap_or(u32::MAX),
        index,
        workers,
        script_engine,
    }
}

/// Counts the bytes that go out, and knows where in the file the bundle begins.
struct Writer<W: Write> {
    out: io::BufWriter<W>,
    begin: u64,
    position: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Leaves room for the header.
    fn new(mut out: W) -> io::Result<Self> {
        let begin = out.stream_position()?;
        let mut writer = Self {
            out: io::BufWriter::with_capacity(1 << 20, out),
            begin,
            position: 0,
        };
        writer.write(&[0; HEADER_BYTES])?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn align(&mut self, unit: u64) -> io::Result<()> {
        let padding = self.position.next_multiple_of(unit) - self.position;
        self.write(&vec![0; usize::try_from(padding).unwrap_or_default()])
    }

    fn section(&mut self, bytes: &[u8]) -> io::Result<Section> {
        self.align(8)?;
        let (offset, length) = (self.position, bytes.len() as u64);
        self.write(bytes)?;
        Ok(Section {
            offset,
            length,
            hash: ContentHash::of(bytes),
        })
    }

    /// Writes the header into its place; gives the length of the bundle, and leaves `out` behind
    /// its end.
    fn finish(
        mut self,
        sections: [Section; bundle_format::header::KINDS.len()],
    ) -> io::Result<u64> {
        let header = Header::new(self.position, sections).encode();
        self.out.seek(SeekFrom::Start(self.begin))?;
        self.out.write_all(&header)?;
        self.out.seek(SeekFrom::Start(self.begin + self.position))?;
        self.out.flush()?;
        Ok(self.position)
    }
}
