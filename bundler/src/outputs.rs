//! What comes out: an executable, an image around it, a list of contents.
//!
//! Each file appears whole or not at all, and none does before all are written.

use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use oci_image::{Created, Digest, Image, ImageName, Sbom};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::executable::{Staged, WriteError, check_output, write_app};
use crate::pack::{Ingredients, Packed};
use crate::sbom;
use crate::summary::{AppFile, ImageFile};

/// Who may read an image or a list; who may run an app is no secret either.
const MODE: u32 = 0o644;

/// The files to write.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// An executable.
    pub app: Option<PathBuf>,
    /// A container image.
    pub image: Option<ImageOutput>,
    /// A list of contents.
    pub sbom: Option<PathBuf>,
}

/// A container image to write.
#[derive(Clone, Debug)]
pub struct ImageOutput {
    /// Where.
    pub path: PathBuf,
    /// What it is called.
    pub name: ImageName,
}

impl ImageOutput {
    /// An image that is named by its file if it has no other name.
    pub fn new(path: PathBuf, name: Option<ImageName>) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.unwrap_or_else(|| ImageName::of_file(&stem));
        Self { path, name }
    }
}

/// The files that were written.
#[derive(Debug, Default)]
pub struct Written {
    /// The executable.
    pub app: Option<AppFile>,
    /// The image.
    pub image: Option<ImageFile>,
    /// The list of contents.
    pub sbom: Option<PathBuf>,
}

impl Outputs {
    /// Refuses paths that cannot be, before anything is done.
    ///
    /// # Errors
    ///
    /// [`WriteError::Output`] and [`WriteError::Io`].
    pub fn check(&self, site: &Path) -> Result<(), WriteError> {
        let image = self.image.as_ref().map(|image| &image.path);
        let all = [
            (self.app.as_ref(), "-o"),
            (image, "--oci"),
            (self.sbom.as_ref(), "--sbom"),
        ];
        let mut seen: Vec<(PathBuf, &str)> = Vec::new();
        for (path, flag) in all {
            let Some(path) = path else { continue };
            check_output(path, flag, site)?;
            let place = place(path);
            if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == place) {
                return Err(WriteError::Output {
                    path: path.clone(),
                    problem: format!("was given to {other} too; name another file with {flag}"),
                });
            }
            seen.push((place, flag));
        }
        Ok(())
    }

    /// Writes all files. `done` is called with the length of each file of the site.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn write(
        &self,
        ingredients: &Ingredients<'_>,
        done: impl FnMut(u64),
    ) -> Result<(Packed, Written), WriteError> {
        let image = self.image.as_ref();
        // Without -o the executable never gets to its place, which is that of the image.
        let beside = self.app.as_ref().or(image.map(|image| &image.path));
        let mut app = Staged::new(beside.map_or(Path::new("app"), PathBuf::as_path))?;
        let (packed, bytes) = write_app(&mut app, ingredients, done)?;
        let mut written = Written::default();
        let mut staged = Vec::new();
        if image.is_some() || self.sbom.is_some() {
            let digest = digest(&mut app)?;
            let list = sbom::list_of_contents(ingredients, &self.title(), &digest)?;
            if let Some(path) = &self.sbom {
                staged.push(stage(path, &list)?);
                written.sbom = Some(path.clone());
            }
            if let Some(image) = image {
                let (file, summary) = stage_image(image, &mut app, &list, ingredients.modified)?;
                staged.push(file);
                written.image = Some(summary);
            }
        }
        if let Some(path) = &self.app {
            staged.push(app);
            written.app = Some(AppFile {
                path: path.clone(),
                bytes,
            });
        }
        staged.into_iter().try_for_each(Staged::put)?;
        Ok((packed, written))
    }

    /// What the app is called.
    fn title(&self) -> String {
        match (&self.image, &self.app) {
            (Some(image), _) => image.name.title().to_owned(),
            (None, Some(app)) => app
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            (None, None) => "app".to_owned(),
        }
    }
}

/// The same for every way to name a file; [`check_output`] has found its folder.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    folder
        .unwrap_or_default()
        .join(path.file_name().unwrap_or_default())
}

fn digest(app: &mut Staged) -> Result<Digest, WriteError> {
    let file = app.file();
    let read = file.rewind().and_then(|()| Digest::of_reader(&mut *file));
    read.map(|(digest, _)| digest)
        .map_err(|reason| app.error(reason))
}

fn stage(path: &Path, bytes: &[u8]) -> Result<Staged, WriteError> {
    let mut staged = Staged::new(path)?;
    let result = staged.file().write_all(bytes);
    result.map_err(|reason| staged.error(reason))?;
    staged.finish(MODE)?;
    Ok(staged)
}

fn stage_image(
    output: &ImageOutput,
    app: &mut Staged,
    list: &[u8],
    modified: Option<u64>,
) -> Result<(Staged, ImageFile), WriteError> {
    let image = Image {
        name: &output.name,
        made_by: env!("CARGO_PKG_VERSION"),
        created: modified.and_then(created),
        sbom: Sbom {
            media_type: sbom::MEDIA_TYPE,
            bytes: list,
        },
    };
    let mut staged = Staged::new(&output.path)?;
    let out = BufWriter::with_capacity(1 << 20, staged.file());
    let result = write_image(out, app, &image);
    let digest = result.map_err(|reason| staged.error(reason))?;
    let summary = ImageFile {
        path: output.path.clone(),
        bytes: staged.finish(MODE)?,
        name: output.name.to_string(),
        digest: digest.to_string(),
    };
    Ok((staged, summary))
}

fn write_image(
    out: BufWriter<&mut std::fs::File>,
    app: &mut Staged,
    image: &Image<'_>,
) -> io::Result<Digest> {
    let (digest, mut out) = oci_image::write_image(out, app.file(), image)?;
    out.flush()?;
    Ok(digest)
}

/// A moment that RFC 3339 can name: the command line lets no other in.
fn created(seconds: u64) -> Option<Created> {
    let moment = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    let text = moment.format(&Rfc3339).ok()?;
    Some(Created { seconds, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_asked_for_once_however_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let site = tempfile::tempdir().unwrap();
        let check = |app: &str, image: &str| {
            let path = |name: &str| folder.path().join(name);
            let outputs = Outputs {
                app: Some(path(app)),
                image: Some(ImageOutput::new(path(image), None)),
                sbom: None,
            };
            outputs
                .check(site.path())
                .map_err(|error| error.to_string())
        };
        assert_eq!(check("app", "app.tar"), Ok(()));
        let message = check("app", "./app").unwrap_err();
        assert!(message.ends_with("was given to -o too; name another file with --oci"));
        let message = check("app", ".").unwrap_err();
        assert!(message.ends_with("is a folder; name a file with --oci"));
    }

    #[test]
    fn a_moment_has_the_form_that_images_want() {
        let text = |seconds| created(seconds).unwrap().text;
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(text(253_402_300_799), "9999-12-31T23:59:59Z");
    }
}
