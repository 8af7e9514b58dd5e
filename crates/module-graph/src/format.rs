//! What a file is by its name: JavaScript or TypeScript, module or CommonJS, JSON, or no module.

use oxc::span::SourceType;

/// What a file with a known ending is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Json,
    Script(Language, Extension),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    TypeScript,
    /// TypeScript in which `<` begins JSX and no type.
    TypeScriptWithJsx,
}

/// What the ending of a file says about its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extension {
    /// `.mjs`, `.mts`
    Module,
    /// `.cjs`, `.cts`
    CommonJs,
    /// All others: package.json decides, or the text.
    Open,
}

/// How a file is to be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Esm,
    CommonJs,
    /// A module if it has `import`, `export` or `import.meta`, else CommonJS.
    Detect,
}

/// What a file is by its name; why it is no module otherwise.
pub(crate) fn file_kind(name: &str) -> Result<FileKind, String> {
    let file = name.rsplit('/').next().unwrap_or(name);
    if is_declaration(file) {
        return Err(format!(
            "{name} only declares types, there is nothing in it to run; write `import type`"
        ));
    }
    let script = |language, extension| Ok(FileKind::Script(language, extension));
    match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "json" => Ok(FileKind::Json),
        "js" | "jsx" => script(Language::JavaScript, Extension::Open),
        "mjs" => script(Language::JavaScript, Extension::Module),
        "cjs" => script(Language::JavaScript, Extension::CommonJs),
        "ts" => script(Language::TypeScript, Extension::Open),
        "mts" => script(Language::TypeScript, Extension::Module),
        "cts" => script(Language::TypeScript, Extension::CommonJs),
        "tsx" => script(Language::TypeScriptWithJsx, Extension::Open),
        "wasm" => Err(format!(
            "{name} is WebAssembly, which a script cannot import"
        )),
        "node" => Err(format!(
            "{name} is native code for Node.js, which workers cannot load"
        )),
        "css" | "scss" | "sass" | "less" => Err(format!(
            "{name} is a style sheet, which a worker has no use for; remove this import"
        )),
        _ => Err(format!(
            "{name} is neither JavaScript, TypeScript nor JSON; a worker can import .js .mjs .cjs \
             .jsx .ts .mts .cts .tsx .json"
        )),
    }
}

/// `x.d.ts`, `x.d.mts`, `x.d.css.ts` and the like.
fn is_declaration(file: &str) -> bool {
    let Some((stem, "ts" | "mts" | "cts")) = file.rsplit_once('.') else {
        return false;
    };
    stem.ends_with(".d") || stem.contains(".d.")
}

impl Format {
    /// `package_is_module` is whether the nearest package.json says `"type": "module"`.
    pub(crate) fn of(extension: Extension, package_is_module: bool) -> Self {
        match extension {
            Extension::Module => Self::Esm,
            Extension::CommonJs => Self::CommonJs,
            Extension::Open if package_is_module => Self::Esm,
            Extension::Open => Self::Detect,
        }
    }

    pub(crate) fn source_type(self, language: Language) -> SourceType {
        let source_type = match language {
            Language::JavaScript => SourceType::mjs().with_jsx(true),
            Language::TypeScript => SourceType::ts(),
            Language::TypeScriptWithJsx => SourceType::tsx(),
        };
        match self {
            Self::Esm => source_type.with_module(true),
            Self::CommonJs => source_type.with_commonjs(true),
            Self::Detect => source_type.with_unambiguous(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_what_a_file_is() {
        #[track_caller]
        fn check(name: &str, want: &str) {
            let got = match file_kind(name) {
                Ok(kind) => format!("{kind:?}"),
                Err(message) => message,
            };
            assert!(got.contains(want), "{got}");
        }
        check("a/b.js", "Script(JavaScript, Open)");
        check("b.jsx", "Script(JavaScript, Open)");
        check("b.mjs", "Script(JavaScript, Module)");
        check("b.cts", "Script(TypeScript, CommonJs)");
        check("b.tsx", "Script(TypeScriptWithJsx, Open)");
        check("package.json", "Json");
        check("a.d.ts", "declares types");
        check("a.d.mts", "declares types");
        check("a.d.json.ts", "declares types");
        check("a.d/x.ts", "Script(TypeScript, Open)");
        check("a.css", "style sheet");
        check("a.wasm", "WebAssembly");
        check("a.node", "native code");
        check("a", "neither JavaScript");
        check("a.js/README", "neither JavaScript");
        check("a.txt", "a.txt is neither");
    }
}
