//! The codings of an asset: zstd, Brotli and gzip where they pay, raw where nothing helps.

use std::fs;
use std::io::{self, Write};

use brotlic::{BrotliEncoderOptions, CompressorWriter, Quality, WindowSize};
use bundle_format::ContentHash;
use bundle_format::index::{DECODED_BYTES_MAX, StoredCoding};
use libdeflater::{CompressionLvl, Compressor};

use crate::scan::SourceFile;

/// How much work compression may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// For development: an app that is a little larger, in a fraction of the time.
    Fast,
    /// 45 MB/s zstd, 25 MB/s Brotli, 78 MB/s gzip on one core.
    Default,
    /// The smallest, whatever it takes.
    Best,
}

/// A coding that a client can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Encoding {
    /// RFC 8878; what browsers get first.
    Zstd,
    /// RFC 7932; for browsers without zstd.
    Br,
    /// RFC 1952; for everything else.
    Gzip,
}

/// Which codings are made, and how hard.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// Sorted, none twice.
    pub encodings: Vec<Encoding>,
    /// How hard.
    pub level: Level,
}

/// A content in all the codings in which it is stored, the smallest first.
#[derive(Debug)]
pub struct Encoded {
    /// Of the plain bytes.
    pub length: u64,
    /// Of the plain bytes.
    pub hash: ContentHash,
    /// Whether it is text.
    pub is_utf8: bool,
    /// At least one, and one of them raw or zstd.
    pub variants: Vec<(StoredCoding, Vec<u8>)>,
}

/// A coding pays if it saves a sixteenth; less is not worth decoding.
const SAVING_MIN_DIVISOR: usize = 16;

/// Contents shorter than this fit into one packet with their header, coded or not.
const CODED_BYTES_MIN: usize = 128;

/// Brotli windows, as exponents of two.
const BROTLI_WINDOW_MIN: u8 = 10;
const BROTLI_WINDOW_MAX: u8 = 22;

/// One thread's encoders, used for one file after the other.
pub struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
    gzip: Compressor,
    options: EncodeOptions,
}

impl Level {
    fn zstd(self) -> i32 {
        match self {
            Self::Fast => 1,
            Self::Default => 9,
            Self::Best => 19,
        }
    }

    fn brotli(self) -> u8 {
        match self {
            Self::Fast => 1,
            Self::Default => 5,
            Self::Best => 11,
        }
    }

    fn gzip(self) -> i32 {
        match self {
            Self::Fast => 1,
            Self::Default => 6,
            Self::Best => 12,
        }
    }

    /// For native code, which is decoded once at every start.
    pub fn code(self) -> i32 {
        match self {
            Self::Fast => 1,
            Self::Default => 12,
            Self::Best => 19,
        }
    }
}

impl Encoder {
    /// Encoders for one thread.
    pub fn new(options: EncodeOptions) -> io::Result<Self> {
        let gzip = CompressionLvl::new(options.level.gzip())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(Self {
            zstd: zstd::bulk::Compressor::new(options.level.zstd())?,
            gzip: Compressor::new(gzip),
            options,
        })
    }

    /// Reads a file and codes it.
    pub fn encode_file(&mut self, file: &SourceFile) -> io::Result<Encoded> {
        self.encode(fs::read(&file.path)?)
    }

    /// Codes some bytes.
    pub fn encode(&mut self, plain: Vec<u8>) -> io::Result<Encoded> {
        let hash = ContentHash::of(&plain);
        let is_utf8 = std::str::from_utf8(&plain).is_ok();
        let mut variants = self.coded(&plain)?;
        // Coded alike, the cheaper one to decode comes first.
        variants.sort_by_key(|(coding, bytes)| (bytes.len(), *coding));
        let length = plain.len() as u64;
        // Clients that accept none of the codings get the raw bytes, or what zstd decodes to.
        let has_zstd = variants
            .iter()
            .any(|(coding, _)| *coding == StoredCoding::Zstd);
        if !has_zstd || length > DECODED_BYTES_MAX {
            variants.push((StoredCoding::Raw, plain));
        }
        Ok(Encoded {
            length,
            hash,
            is_utf8,
            variants,
        })
    }

    /// The codings that pay. Where the first one tried does not, the others do not either.
    fn coded(&mut self, plain: &[u8]) -> io::Result<Vec<(StoredCoding, Vec<u8>)>> {
        let mut variants = Vec::new();
        if plain.len() < CODED_BYTES_MIN {
            return Ok(variants);
        }
        let longest = plain.len() - plain.len() / SAVING_MIN_DIVISOR;
        for encoding in self.options.encodings.clone() {
            let (coding, bytes) = match encoding {
                Encoding::Zstd => (StoredCoding::Zstd, self.zstd.compress(plain)?),
                Encoding::Br => (StoredCoding::Brotli, self.brotli(plain)?),
                Encoding::Gzip => (StoredCoding::Gzip, self.gzip(plain)?),
            };
            if bytes.len() > longest {
                break;
            }
            variants.push((coding, bytes));
        }
        Ok(variants)
    }

    fn brotli(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        // A window larger than the content costs memory on both sides and gains nothing.
        let bits = (usize::BITS - plain.len().leading_zeros())
            .clamp(BROTLI_WINDOW_MIN.into(), BROTLI_WINDOW_MAX.into());
        let bits = u8::try_from(bits).unwrap_or(BROTLI_WINDOW_MAX);
        let bad_setting = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let encoder = BrotliEncoderOptions::new()
            .quality(Quality::new(self.options.level.brotli()).map_err(bad_setting)?)
            .window_size(WindowSize::new(bits).map_err(bad_setting)?)
            .size_hint(u32::try_from(plain.len()).unwrap_or(u32::MAX))
            .build()
            .map_err(io::Error::other)?;
        let mut writer = CompressorWriter::with_encoder(encoder, Vec::new());
        writer.write_all(plain)?;
        writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))
    }

    fn gzip(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.gzip.gzip_compress_bound(plain.len())];
        let length = self
            .gzip
            .gzip_compress(plain, &mut bytes)
            .map_err(io::Error::other)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(encodings: &[Encoding], plain: &[u8]) -> Encoded {
        let options = EncodeOptions {
            encodings: encodings.to_vec(),
            level: Level::Default,
        };
        Encoder::new(options)
            .unwrap()
            .encode(plain.to_vec())
            .unwrap()
    }

    fn codings(encoded: &Encoded) -> Vec<StoredCoding> {
        let mut codings: Vec<_> = encoded.variants.iter().map(|(coding, _)| *coding).collect();
        codings.sort();
        codings
    }

    const ALL: [Encoding; 3] = [Encoding::Zstd, Encoding::Br, Encoding::Gzip];

    #[test]
    fn text_is_stored_in_every_coding_smallest_first_and_not_raw() {
        let text = "All work and no play makes Jack a dull boy. ".repeat(100);
        let encoded = encode(&ALL, text.as_bytes());
        let want = [StoredCoding::Zstd, StoredCoding::Brotli, StoredCoding::Gzip];
        assert_eq!(codings(&encoded), want);
        assert!(encoded.variants.is_sorted_by_key(|(_, bytes)| bytes.len()));
        assert!(encoded.is_utf8);
        let zstd = encoded
            .variants
            .iter()
            .find(|(c, _)| *c == StoredCoding::Zstd)
            .unwrap();
        assert_eq!(
            zstd::bulk::decompress(&zstd.1, text.len()).unwrap(),
            text.as_bytes()
        );
    }

    #[test]
    fn what_does_not_shrink_is_stored_raw_and_once() {
        let noise: Vec<u8> = (0u32..2000)
            .flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
            .collect();
        for plain in [&noise[..], b"short", b""] {
            let encoded = encode(&ALL, plain);
            assert_eq!(codings(&encoded), [StoredCoding::Raw]);
            assert_eq!(encoded.variants[0].1, plain);
        }
        assert!(!encode(&ALL, &noise).is_utf8);
    }

    #[test]
    fn what_is_too_long_to_decode_whole_is_kept_raw_too() {
        let text = vec![b'a'; usize::try_from(DECODED_BYTES_MAX).unwrap() + 1];
        assert!(codings(&encode(&ALL, &text)).contains(&StoredCoding::Raw));
        assert!(!codings(&encode(&ALL, &text[1..])).contains(&StoredCoding::Raw));
    }

    #[test]
    fn without_zstd_the_raw_bytes_are_kept() {
        let text = "text ".repeat(1000);
        let encoded = encode(&[Encoding::Br, Encoding::Gzip], text.as_bytes());
        let want = [StoredCoding::Raw, StoredCoding::Brotli, StoredCoding::Gzip];
        assert_eq!(codings(&encoded), want);
    }
}
