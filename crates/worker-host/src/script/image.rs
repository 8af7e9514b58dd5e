//! Taking the engine's module apart, and making images.
//!
//! The engine is linked with an imported memory. What its linker put beside the code to fill that
//! memory, data segments and a start function that clears the rest, would undo a snapshot: it is
//! taken out, and becomes the first image.

use wasm_encoder::{
    ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, MemoryType, RawSection,
    SectionId,
};
use wasmparser::{BinaryReaderError, Operator, Parser, Payload, TypeRef};

use super::instance::IMAGE_MEMORY;

/// The unit in which memory is shared between instances.
const PAGE: usize = 4096;

/// Of WebAssembly.
const WASM_PAGE: usize = 65536;

/// The engine's module, taken apart.
pub(crate) struct Parts {
    /// All but what fills memory.
    pub(crate) code: Vec<u8>,
    /// The first image: the memory as the linker lays it out.
    pub(crate) first_image: Vec<u8>,
    /// Below this address is the stack, which is empty between two calls.
    pub(crate) stack_top: usize,
}

/// Why a module is not the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineModuleError {
    /// No module at all.
    #[error("the JavaScript engine is damaged: {0}")]
    Damaged(#[from] BinaryReaderError),
    /// Not linked as it has to be.
    #[error("the JavaScript engine was not linked as it has to be: {0}")]
    Linked(&'static str),
}

impl Parts {
    pub(crate) fn of(wasm: &[u8]) -> Result<Self, EngineModuleError> {
        let mut code = wasm_encoder::Module::new();
        let (mut data, mut pages, mut stack_tops) = (None, None, Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        if let TypeRef::Memory(memory) = import?.ty {
                            pages = Some(memory.initial);
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.clone() {
                        let global = global?;
                        if global.ty.mutable {
                            stack_tops.push(constant(&global.init_expr)?);
                        }
                    }
                }
                _ => {}
            }
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let contents = &wasm[range];
            match id {
                id if id == u8::from(SectionId::Data) => data = Some(contents),
                id if id == u8::from(SectionId::DataCount)
                    || id == u8::from(SectionId::Start)
                    || id == u8::from(SectionId::Custom) => {}
                id => {
                    code.section(&RawSection { id, data: contents });
                }
            }
        }
        let pages = pages.ok_or(EngineModuleError::Linked("it does not import its memory"))?;
        // Any other variable would have to be part of the image too.
        let [Some(stack_top)] = stack_tops[..] else {
            let problem = "it has other global variables than the pointer of its stack";
            return Err(EngineModuleError::Linked(problem));
        };
        let data = data.ok_or(EngineModuleError::Linked("it has no data"))?;
        let mut first_image = image_head(pages);
        first_image.section(&RawSection {
            id: SectionId::Data.into(),
            data,
        });
        Ok(Self {
            code: code.finish(),
            first_image: first_image.finish(),
            stack_top,
        })
    }
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Result<Option<usize>, BinaryReaderError> {
    Ok(match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => usize::try_from(value).ok(),
        _ => None,
    })
}

fn image_head(pages: u64) -> wasm_encoder::Module {
    let mut module = wasm_encoder::Module::new();
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export(IMAGE_MEMORY, ExportKind::Memory, 0);
    module.section(&memories).section(&exports);
    module
}

/// A module whose memory holds `memory`.
pub(crate) fn image_of(memory: &[u8]) -> Vec<u8> {
    let mut module = image_head((memory.len() / WASM_PAGE) as u64);
    let mut data = DataSection::new();
    let mut pages = memory.chunks(PAGE).enumerate().peekable();
    while let Some((first, page)) = pages.next() {
        if is_zero(page) {
            continue;
        }
        let mut end = first + 1;
        while pages.next_if(|(_, page)| !is_zero(page)).is_some() {
            end += 1;
        }
        let bytes = &memory[first * PAGE..(end * PAGE).min(memory.len())];
        let offset = u32::try_from(first * PAGE).unwrap_or(u32::MAX);
        data.active(
            0,
            &ConstExpr::i32_const(offset.cast_signed()),
            bytes.iter().copied(),
        );
    }
    module.section(&data);
    module.finish()
}

fn is_zero(page: &[u8]) -> bool {
    page.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_parts(wat: &str) -> Result<Parts, EngineModuleError> {
        Parts::of(&wat::parse_str(wat).unwrap())
    }

    #[test]
    fn what_fills_memory_is_taken_out_of_the_engine() {
        let parts = check_parts(
            r#"(module (import "env" "memory" (memory 3))
                (global (mut i32) (i32.const 4096))
                (func $clear) (func (export "load")) (start $clear)
                (data (i32.const 8) "abc"))"#,
        )
        .unwrap();
        assert_eq!(parts.stack_top, 4096);
        let code = wasmparser::validate(&parts.code);
        assert!(code.is_ok(), "{:?}", code.err());
        let text = |wasm: &[u8]| String::from_utf8_lossy(wasm).into_owned();
        assert!(!text(&parts.code).contains("abc"));
        assert!(text(&parts.first_image).contains("abc"));
        assert!(wasmparser::validate(&parts.first_image).is_ok());
    }

    #[test]
    fn a_module_that_is_no_engine_is_refused() {
        #[track_caller]
        fn check(wat: &str, want: &str) {
            let error = check_parts(wat).err().unwrap().to_string();
            assert!(error.contains(want), "{error}");
        }
        check("(module)", "import its memory");
        check(
            r#"(module (import "env" "memory" (memory 1)))"#,
            "global variables",
        );
        check(
            r#"(module (import "env" "memory" (memory 1)) (global (mut i32) (i32.const 1))
                (global (mut i64) (i64.const 1)))"#,
            "global variables",
        );
        assert!(Parts::of(b"nothing").is_err());
    }

    #[test]
    fn an_image_holds_what_is_not_zero() {
        let mut memory = vec![0; 2 * WASM_PAGE];
        memory[PAGE + 5] = 1;
        memory[20 * PAGE] = 2;
        let image = image_of(&memory);
        assert!(wasmparser::validate(&image).is_ok());
        assert!(image.len() < 3 * PAGE, "{}", image.len());
    }
}
