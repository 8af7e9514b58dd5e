//! The only place where a wasmtime option is set.
//!
//! Settings that shape machine code are in [`code_settings`], used by the compiling and the serving
//! engine alike. Whoever changes one of them counts [`SETTINGS_VERSION`] up.

use std::sync::Arc;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::native_code::InPlace;

/// The exact version of wasmtime; code of another one is refused.
pub const WASMTIME_VERSION: &str = "48.0.8";

/// Counted up with every change of a setting that shapes machine code.
pub const SETTINGS_VERSION: u32 = 3;

/// The machine that code is made for.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is kept of an instance's memory between two requests, where the kernel can tell which
/// pages were written (`PAGEMAP_SCAN`, Linux 6.7): no page faults for what fits. Elsewhere keeping
/// means copying, which pays for little.
const KEEP_RESIDENT_BYTES: usize = 8 << 20;
const KEEP_RESIDENT_BYTES_WITHOUT_SCAN: usize = 64 << 10;

/// Freed memory is given back in batches, which saves system calls.
const DECOMMIT_BATCH: usize = 16;

/// What native code may use of a stack, and the whole stack. Enough for the engine of scripts to
/// notice a recursion without end by itself, and to throw an exception.
const WASM_STACK_BYTES: usize = 12 << 20;
const STACK_BYTES: usize = WASM_STACK_BYTES + (1 << 20);

/// Every instance of the pool has room for tables of at least this many elements.
const TABLE_ELEMENTS_MIN: u64 = 20_000;

/// The CPU that code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cpu {
    /// x86-64-v2: every x86-64 server and desktop since about 2009.
    Baseline,
    /// The one that compiles.
    Native,
}

impl Cpu {
    /// As it stands in a bundle and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Native => "native",
        }
    }
}

/// What code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeTarget {
    /// The machine.
    pub cpu: Cpu,
    /// The engine.
    pub concurrency: Concurrency,
}

/// Whether calls can run side by side in one instance, as in components of 0.3. Calls that do not
/// are slower where they could: those of a component by a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// They take turns.
    Off,
    /// They can; only with the feature `concurrency`.
    On,
}

impl Concurrency {
    /// Whether this program was built for it.
    pub fn is_available(self) -> bool {
        self == Self::Off || cfg!(feature = "concurrency")
    }
}

/// How many instances can live at once, and how large they can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// Requests that run at the same time.
    pub calls: u32,
    /// Linear memories of one instance.
    pub memories: u32,
    /// The most one memory can hold, in bytes.
    pub memory_bytes: u64,
    /// Tables of one instance.
    pub tables: u32,
    /// The longest table, in elements.
    pub table_elements: u64,
    /// Core instances of one component.
    pub core_instances: u32,
}

/// Where instances come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A pool reserved at start.
    Pooled,
    /// One mapping for each request: the address space was too small for a pool.
    OnDemand,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings do not fit this machine.
    #[error("the WebAssembly engine does not start on this machine: {reason:#}")]
    Unsupported {
        /// What wasmtime says.
        reason: wasmtime::Error,
    },
}

/// What shapes machine code, and so must be the same where it is made and where it is loaded.
fn code_settings(concurrency: Concurrency) -> Config {
    let mut config = Config::new();
    // A guest in an endless loop has to give way to other requests.
    config.epoch_interruption(true);
    // Not in the machine code but beside it, and of no use without the module's names.
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config.wasm_backtrace_max_frames(None);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(STACK_BYTES);
    config.concurrency_support(concurrency == Concurrency::On);
    config
}

/// The engine that compiles.
#[cfg(feature = "compile")]
pub(crate) fn compiling_engine(target: CodeTarget) -> Result<Engine, EngineError> {
    let unsupported = |reason| EngineError::Unsupported { reason };
    let mut config = code_settings(target.concurrency);
    if target.cpu == Cpu::Baseline {
        config.target(TARGET).map_err(unsupported)?;
        enable_baseline(&mut config);
    }
    Engine::new(&config).map_err(unsupported)
}

/// What the pool of instances holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// How many calls may run at once.
    pub calls_max: u64,
    /// How many run.
    pub calls: u64,
    /// Memories of instances that live; 0 without a pool.
    pub memories: u64,
    /// What is kept of memories that no instance has, for the next ones; 0 without a pool.
    pub idle_bytes: u64,
}

/// x86-64-v2, beyond what every x86-64 has.
#[cfg(feature = "compile")]
#[expect(
    unsafe_code,
    reason = "cranelift's flags can only be set through an unsafe function"
)]
fn enable_baseline(config: &mut Config) {
    for flag in [
        "has_cmpxchg16b",
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_popcnt",
    ] {
        // SAFETY: each flag only says that an instruction set may be used; it is recorded in the
        // compiled code, and a machine without it refuses to load that code.
        unsafe { config.cranelift_flag_enable(flag) };
    }
}

/// Opens what an engine needs of the system, for a process that is about to give up the right to:
/// the map of its own pages, which tells what a request has written to. Once open it stays so.
pub fn open_system_files() {
    let _is_there = PoolingAllocationConfig::is_pagemap_scan_available();
}

/// The engine that serves: a pool where the address space allows it, else on demand.
pub(crate) fn serving_engine(
    size: &PoolSize,
    concurrency: Concurrency,
) -> Result<(Engine, Allocation), EngineError> {
    let mut config = code_settings(concurrency);
    config.with_custom_code_memory(Some(Arc::new(InPlace)));
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(size)));
    if let Ok(engine) = Engine::new(&config) {
        return Ok((engine, Allocation::Pooled));
    }
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    let engine = Engine::new(&config).map_err(|reason| EngineError::Unsupported { reason })?;
    Ok((engine, Allocation::OnDemand))
}

/// Places beyond those that calls are let into: one that was given back a moment ago may still be
/// in the hands of the thread that clears a batch of them.
const PLACES_BEING_CLEARED: u32 = 8;

fn pool(size: &PoolSize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let calls = size.calls.saturating_add(PLACES_BEING_CLEARED);
    let of_all = |of_one: u32| calls.saturating_mul(of_one.max(1));
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let table_elements = usize_of(size.table_elements.max(TABLE_ELEMENTS_MIN));
    pool.total_component_instances(calls)
        .total_core_instances(of_all(size.core_instances))
        .max_core_instances_per_component(size.core_instances.max(1))
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .total_memories(of_all(size.memories))
        .max_memories_per_component(size.memories.max(1))
        .max_memories_per_module(size.memories.max(1))
        .max_memory_size(usize_of(size.memory_bytes))
        .total_tables(of_all(size.tables))
        .max_tables_per_component(size.tables.max(1))
        .max_tables_per_module(size.tables.max(1))
        .table_elements(table_elements)
        .table_keep_resident(table_elements.saturating_mul(size_of::<usize>()))
        .total_stacks(calls)
        .max_unused_warm_slots(calls)
        .decommit_batch_size(DECOMMIT_BATCH)
        .pagemap_scan(if scan { Enabled::Yes } else { Enabled::No })
        .linear_memory_keep_resident(match scan {
            true => KEEP_RESIDENT_BYTES,
            false => KEEP_RESIDENT_BYTES_WITHOUT_SCAN,
        });
    pool
}

fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
