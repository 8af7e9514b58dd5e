//! What is said when a site has been bundled, for people and for programs.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Instant;

use bundle_format::meta::Layout;
use serde::Serialize;

use crate::Prepared;
use crate::outputs::Written;
use crate::pack::Packed;
use crate::progress::megabytes;
use crate::survey::Program;

/// What a bundle consists of.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// `site` or `project`.
    pub layout: &'static str,
    /// Why.
    pub layout_reason: String,
    /// Files.
    pub assets: usize,
    /// Their size, plain.
    pub asset_bytes: u64,
    /// Their size in all codings.
    pub stored_asset_bytes: u64,
    /// Lines of `_redirects`.
    pub redirects: u32,
    /// Paths of `_headers`.
    pub header_rules: u32,
    /// In the order in which their routes are tried.
    pub workers: Vec<WorkerSummary>,
    /// The engine of all scripts, plain, if there are any.
    pub script_engine_bytes: Option<u64>,
    /// Files that are neither.
    pub unused_files: usize,
    /// What may be unexpected.
    pub notes: Vec<String>,
    /// The executable, if one was written.
    pub app: Option<AppFile>,
    /// The container image, if one was written.
    pub image: Option<ImageFile>,
    /// The list of contents, if one was written.
    pub sbom: Option<PathBuf>,
    /// How long it took.
    pub seconds: f64,
}

/// One worker.
#[derive(Debug, Serialize)]
pub struct WorkerSummary {
    /// Its pattern.
    pub route: String,
    /// Its file.
    pub source: String,
    /// Its native code, plain; of a script, the image of its heap.
    pub code_bytes: u64,
    /// Whether it runs on the engine that all scripts share.
    pub is_script: bool,
}

/// The executable.
#[derive(Debug, Serialize)]
pub struct AppFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// A container image.
#[derive(Debug, Serialize)]
pub struct ImageFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// What it is called when it is loaded.
    pub name: String,
    /// What it is pulled by.
    pub digest: String,
}

/// The name of a layout on the command line and in output.
pub fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Site => "site",
        Layout::Project => "project",
    }
}

impl Summary {
    pub(crate) fn new(
        prepared: &Prepared,
        packed: Packed,
        written: Written,
        begin: Instant,
    ) -> Self {
        let Prepared {
            survey,
            plan,
            rules,
            compiled,
            hosting: _,
        } = prepared;
        let workers = plan.workers.iter().map(|worker| WorkerSummary {
            route: worker.route.to_string(),
            source: survey.workers[worker.source].file.name.clone(),
            code_bytes: compiled.workers[worker.source].code.len() as u64,
            is_script: matches!(survey.workers[worker.source].program, Program::Script(_)),
        });
        let notes = [&survey.notes, &plan.notes, &rules.notes, &compiled.notes];
        Self {
            layout: layout_name(survey.layout),
            layout_reason: survey.layout_reason.clone(),
            assets: survey.assets.len(),
            asset_bytes: packed.asset_bytes,
            stored_asset_bytes: packed.stored_asset_bytes,
            redirects: rules.record.redirects,
            header_rules: rules.record.header_rules,
            workers: workers.collect(),
            unused_files: survey.unused_files,
            script_engine_bytes: compiled
                .script_engine
                .as_ref()
                .map(|engine| (engine.code.code.len() + engine.base.code.len()) as u64),
            notes: notes.into_iter().flatten().cloned().collect(),
            app: written.app,
            image: written.image,
            sbom: written.sbom,
            seconds: begin.elapsed().as_secs_f64(),
        }
    }
}

impl Summary {
    /// How the folder was read: what matters when it is served at once.
    pub fn reading(&self) -> String {
        let mut text = format!("layout   {}: {}\n", self.layout, self.layout_reason);
        for note in &self.notes {
            text.push_str(&format!("note     {note}\n"));
        }
        text
    }
}

impl Summary {
    fn write_image(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(ImageFile {
            path, bytes, name, ..
        }) = &self.image
        {
            let size = megabytes(*bytes);
            writeln!(f, "image    {}, {size}, named {name}", path.display())?;
            let path = path.to_string_lossy();
            writeln!(f, "load     docker load -i {}", shell_word(&path))?;
        }
        match &self.sbom {
            Some(path) => writeln!(f, "sbom     {}", path.display()),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "layout   {}: {}", self.layout, self.layout_reason)?;
        writeln!(
            f,
            "assets   {}, {}, stored in {}",
            self.assets,
            megabytes(self.asset_bytes),
            megabytes(self.stored_asset_bytes)
        )?;
        if self.redirects > 0 || self.header_rules > 0 {
            let (redirects, headers) = (self.redirects, self.header_rules);
            writeln!(
                f,
                "rules    {redirects} redirects, {headers} for header fields"
            )?;
        }
        writeln!(f, "workers  {}", self.workers.len())?;
        let width = self
            .workers
            .iter()
            .map(|worker| worker.route.len())
            .max()
            .unwrap_or(0);
        for WorkerSummary {
            route,
            source,
            code_bytes,
            is_script,
        } in &self.workers
        {
            let size = megabytes(*code_bytes);
            let what = if *is_script {
                "of heap"
            } else {
                "of native code"
            };
            writeln!(f, "         {route:<width$}  {source}  {size} {what}")?;
        }
        if let Some(bytes) = self.script_engine_bytes {
            let size = megabytes(bytes);
            writeln!(
                f,
                "scripts  run on one JavaScript engine, {size} of native code"
            )?;
        }
        if self.unused_files > 0 {
            writeln!(
                f,
                "unused   {} files outside public that are no workers",
                self.unused_files
            )?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note     {note}"))?;
        if let Some(AppFile { path, bytes }) = &self.app {
            let size = megabytes(*bytes);
            writeln!(
                f,
                "app      {}, {size}, in {:.1} s",
                path.display(),
                self.seconds
            )?;
            let is_plain = path.components().count() == 1;
            let folder = if is_plain { "./" } else { "" };
            let run = format!("{folder}{}", path.display());
            writeln!(f, "run      {}", shell_word(&run))?;
        }
        self.write_image(f)
    }
}

/// One word of a command, as a POSIX shell reads it: quoted, if it would be read as something else.
fn shell_word(text: &str) -> Cow<'_, str> {
    let is_literal = |c: char| c.is_alphanumeric() || "/._-+:,@".contains(c);
    match !text.is_empty() && text.chars().all(is_literal) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_something_else() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            assert_eq!(shell_word(text), want);
        }
        check("./app", "./app");
        check(
            "/srv/caf\u{e9}/shop-1.2_x+y@z,a:b",
            "/srv/caf\u{e9}/shop-1.2_x+y@z,a:b",
        );
        check("Bad Name.tar", "'Bad Name.tar'");
        check("./it's", r"'./it'\''s'");
        check("a\u{a0}b", "'a\u{a0}b'");
        check("", "''");
        for special in "|&;<>()$`\\\"\t\n*?[]#~=%!{}^".chars() {
            check(&format!("a{special}b"), &format!("'a{special}b'"));
        }
    }

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        for text in ["./p q", "$(true) `true` \\ \"'!#", "~", "a=b/c", "-n\n"] {
            let script = format!("printf %s {}", shell_word(text));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            let output = output.unwrap().stdout;
            assert_eq!(String::from_utf8(output).unwrap(), text);
        }
    }
}
