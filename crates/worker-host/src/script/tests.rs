//! Engines that do what ours never would: the host believes nothing that a guest says. And ours.

#![cfg(feature = "compile")]

mod calls;
mod stores;

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use limits::{TimeSpan, WorkerLimits};
use outbound::{Caller, Client, ClientOptions};
use script_abi::{Answer, encode, flags};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use wasmtime::Module;

use super::instance::Instance;
use super::session::{Job, Session};
use super::state::OpenRequest;
use super::{ScriptEngine, ScriptProgram};
use crate::compile::{Compiled, Compiler};
use crate::engine::{CodeTarget, Concurrency, Cpu};
use crate::exchange::{WorkerBody, WorkerRequest, WorkerResponse};
use crate::native_code::module_of_compiled;
use crate::worker::{Host, Program, Worker, WorkerSettings};
use crate::{CallError, PoolSize};

const IMPORTS: &str = r#"
    (import "env" "memory" (memory 1))
    (import "wws" "respond" (func $respond (param i32 i32 i32 i32 i32 i32)))
    (import "wws" "chunk" (func $chunk (param i32 i32 i32) (result i32)))
    (import "wws" "end" (func $end (param i32)))
    (import "wws" "done" (func $done (param i32)))
    (import "wws" "fail" (func $fail (param i32 i32 i32 i32)))
    (import "wws" "input" (func $input (param i32)))
    (import "wws" "body" (func $body (param i32 i32)))
    (import "wws" "operate" (func $operate (param i32 i32 i32) (result i32)))
    (import "wws" "log" (func $log (param i32 i32 i32)))
    (import "wws" "random" (func $random (param i32 i32)))
    (import "wws" "variable" (func $variable (param i32 i32 i32) (result i32)))"#;

/// Where the head of an answer lies in the memory of every engine here.
const HEAD_AT: u32 = 1024;

struct Guest {
    worker: Worker,
    log: Arc<Mutex<Vec<String>>>,
}

/// An engine whose `request` and `resume` are these instructions; each leaves the milliseconds
/// until a timer.
fn guest(request: &str, resume: &str, reuse: u32) -> Guest {
    let pool = PoolSize {
        calls: 4,
        memories: 1,
        memory_bytes: 1 << 20,
        tables: 1,
        table_elements: 10,
        core_instances: 2,
    };
    let host = Host::new(&pool, Concurrency::Off).unwrap();
    let engine = format!(
        r#"(module {IMPORTS}
            (func (export "request") (param $id i32) (param $length i32) (result f64) {request})
            (func (export "resume") (param $event i32) (param $id i32) (result f64) {resume})
            (func (export "settled") (param $number i32) (param $length i32) (result f64)
                (local $event i32) (local $id i32) {resume}))"#
    );
    let head = encode(&Answer {
        status: 201,
        headers: vec![(b"x-a", b"1"), (b"x-a", b"2")],
    });
    let head: String = head.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let image = format!(
        r#"(module (memory (export "memory") 1)
            (data (i32.const {HEAD_AT}) "{head}") (data (i32.const 0) "hello"))"#
    );
    let module = |wat: &str| {
        let wasm = wat::parse_str(wat).unwrap();
        Module::from_binary(host.engine(), &wasm).unwrap()
    };
    let log = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&log);
    let settings = WorkerSettings {
        vars: vec![("A".to_owned(), "value".to_owned())],
        limits: WorkerLimits {
            time: TimeSpan(Duration::from_millis(300)),
            ..WorkerLimits::default()
        },
        // Of one, so that requests that share share the same instance.
        concurrency: if reuse > 1 { 1 } else { 4 },
        reuse,
        outbound: caller(),
        kv: None,
        log: Arc::new(move |_, line| sink.lock().unwrap().push(line.to_owned())),
    };
    let engine = ScriptEngine::of_module(module(&engine)).unwrap();
    let program = ScriptProgram::new(&engine, &module(&image), &settings).unwrap();
    Guest {
        worker: Worker::new(&host, Program::Script(program), settings),
        log,
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// May call whatever this machine listens on.
fn caller() -> Caller {
    let rules = outbound_rules::Rules {
        hosts: vec![outbound_rules::HostPattern::parse("*").unwrap()],
        methods: Some(["GET", "POST"].map(str::to_owned).to_vec()),
        allow_http: true,
        allow_private: true,
    };
    let limits = outbound::Limits {
        connect: Duration::from_secs(10),
        total: Duration::from_secs(60),
        response_bytes: 1 << 30,
        concurrent: 100,
    };
    Client::new(ClientOptions::default()).caller(rules, limits)
}

fn a_request() -> WorkerRequest {
    WorkerRequest {
        method: Method::GET,
        origin: "http://localhost".to_owned(),
        url: "/".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"body"),
        params: Vec::new(),
    }
}

async fn call(guest: &Guest) -> Result<WorkerResponse, CallError> {
    guest.worker.call(a_request()).await
}

async fn body_of(response: WorkerResponse) -> Result<Vec<u8>, Vec<u8>> {
    match response.body {
        WorkerBody::Whole(bytes) => Ok(bytes.to_vec()),
        WorkerBody::Component(_) => panic!("not the body of a script"),
        WorkerBody::Stream(stream) => {
            let mut whole = Vec::new();
            loop {
                match std::future::poll_fn(|context| stream.poll_piece(context)).await {
                    Some(Ok(piece)) => whole.extend(piece),
                    Some(Err(_)) => return Err(whole),
                    None => return Ok(whole),
                }
            }
        }
    }
}

fn respond(bits: u32) -> String {
    let length = encode(&Answer {
        status: 201,
        headers: vec![(b"x-a", b"1"), (b"x-a", b"2")],
    })
    .len();
    format!(
        "(call $respond (local.get $id) (i32.const {HEAD_AT}) (i32.const {length})
            (i32.const 0) (i32.const 5) (i32.const {bits}))"
    )
}

const NEVER: &str = "(f64.const inf)";

#[test]
fn an_answer_arrives_as_it_was_given() {
    let guest = guest(&format!("{} {NEVER}", respond(flags::DONE)), NEVER, 1);
    block_on(async {
        let response = call(&guest).await.unwrap();
        assert_eq!(response.status.as_u16(), 201);
        assert_eq!(response.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(body_of(response).await.unwrap(), b"hello");
    });
}

#[test]
fn a_place_outside_memory_is_a_trap_whatever_it_was_for() {
    #[track_caller]
    fn check(instructions: &str) {
        let guest = guest(&format!("{instructions} {NEVER}"), NEVER, 1);
        block_on(async {
            let error = call(&guest).await.unwrap_err();
            assert!(
                matches!(&error, CallError::Trap { .. }),
                "{instructions}: {error}"
            );
            assert!(error.to_string().contains("outside its memory"), "{error}");
        });
    }
    let far = "(i32.const 65530) (i32.const 100)";
    let negative = "(i32.const -1) (i32.const -1)";
    for place in [far, negative] {
        check(&format!(
            "(call $respond (local.get $id) {place} {place} (i32.const 0))"
        ));
        check(&format!("(drop (call $chunk (local.get $id) {place}))"));
        check(&format!(
            "(call $fail (local.get $id) (i32.const 0) {place})"
        ));
        check(&format!("(call $log (i32.const 0) {place})"));
        check(&format!("(drop (call $operate (local.get $id) {place}))"));
        check(&format!("(call $random {place})"));
    }
    check("(call $input (i32.const -4))");
    check("(call $body (local.get $id) (i32.const 65534))");
    check("(drop (call $variable (i32.const 0) (i32.const 65534) (i32.const 9)))");
}

#[test]
fn what_is_no_answer_is_refused() {
    let garbage = "(call $respond (local.get $id) (i32.const 0) (i32.const 3)
        (i32.const 0) (i32.const 0) (i32.const 2))";
    let guest = guest(&format!("{garbage} {NEVER}"), NEVER, 1);
    block_on(async {
        assert!(matches!(call(&guest).await, Err(CallError::BadResponse(_))));
    });
}

#[test]
fn what_is_no_operation_is_a_trap() {
    let garbage = "(drop (call $operate (local.get $id) (i32.const 0) (i32.const 5)))";
    let guest = guest(&format!("{garbage} {NEVER}"), NEVER, 1);
    block_on(async {
        let error = call(&guest).await.unwrap_err();
        assert!(matches!(error, CallError::Trap { .. }), "{error}");
        assert!(error.to_string().contains("malformed"), "{error}");
    });
}

#[test]
fn requests_that_are_not_there_are_nobodys() {
    let others = "(call $done (i32.const 99)) (call $end (i32.const 99))
        (drop (call $chunk (i32.const 99) (i32.const 0) (i32.const 5)))
        (call $fail (i32.const 99) (i32.const 7) (i32.const 0) (i32.const 5))
        (call $body (i32.const 99) (i32.const 0))";
    // A second answer, and a failure after it, change nothing.
    let twice = format!(
        "{0} {0} (call $fail (local.get $id) (i32.const 0) (i32.const 0) (i32.const 5))",
        respond(flags::DONE)
    );
    let guest = guest(&format!("{others} {twice} {NEVER}"), NEVER, 1);
    block_on(async {
        assert_eq!(
            body_of(call(&guest).await.unwrap()).await.unwrap(),
            b"hello"
        );
    });
}

#[test]
fn a_failure_has_the_words_of_the_guest() {
    let fail = |kind: u32| {
        format!("(call $fail (local.get $id) (i32.const {kind}) (i32.const 0) (i32.const 5))")
    };
    block_on(async {
        let error = call(&guest(&format!("{} {NEVER}", fail(0)), NEVER, 1))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, CallError::Exception { text } if text == "hello"),
            "{error}"
        );
        let error = call(&guest(&format!("{} {NEVER}", fail(1)), NEVER, 1))
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::BadResponse(_)), "{error}");
    });
}

#[test]
fn a_guest_that_waits_for_nothing_is_ended_at_once() {
    let guest = guest(NEVER, NEVER, 1);
    block_on(async {
        assert!(matches!(call(&guest).await, Err(CallError::NeverAnswers)));
    });
}

#[test]
fn a_guest_that_never_ends_is_stopped_by_the_clock() {
    #[track_caller]
    fn check(request: &str, resume: &str, reuse: u32) {
        let guest = guest(request, resume, reuse);
        block_on(async {
            let error = call(&guest).await.unwrap_err();
            assert!(
                matches!(error, CallError::Timeout { waiting: false, .. }),
                "{error}"
            );
        });
    }
    let endless = "(loop (br 0)) (unreachable)";
    check(endless, NEVER, 1);
    check(endless, NEVER, 5);
    // One that always wants to be called again, and one whose time is no time.
    check("(f64.const 1)", "(f64.const 1)", 1);
    check("(f64.const 10000)", NEVER, 1);
    check("(f64.const 0)", "(f64.const nan)", 5);
}

#[test]
fn a_stream_that_is_never_ended_breaks_off_and_is_logged() {
    // Before anything could be sent there is no answer at all.
    let at_once = guest(&format!("{} {NEVER}", respond(flags::STREAMING)), NEVER, 1);
    let later = format!("{} (f64.const 20)", respond(flags::STREAMING));
    let guest = guest(&later, NEVER, 1);
    block_on(async {
        assert!(matches!(call(&at_once).await, Err(CallError::BrokenBody)));
        let response = call(&guest).await.unwrap();
        assert_eq!(body_of(response).await, Err(b"hello".to_vec()));
    });
    let log = guest.log.lock().unwrap().join("\n");
    assert!(log.contains("never happen"), "{log}");
}

#[test]
fn a_trap_in_a_shared_instance_ends_its_requests_and_the_next_gets_another() {
    // Answers the first request after a timer; traps at the second.
    let request = r#"(if (i32.eq (local.get $id) (i32.const 2)) (then unreachable))
        (f64.const 20)"#;
    let resume = format!(
        "(local.set $id (i32.const 1)) {} {NEVER}",
        respond(flags::DONE)
    );
    let guest = guest(request, &resume, 100);
    block_on(async {
        let response = call(&guest).await.unwrap();
        assert_eq!(body_of(response).await.unwrap(), b"hello");
        let error = call(&guest).await.unwrap_err();
        assert!(matches!(error, CallError::Trap { .. }), "{error}");
        assert!(call(&guest).await.is_ok());
    });
}

#[test]
fn a_trap_is_told_to_the_request_that_it_is_about_and_not_to_the_others() {
    let request =
        "(if (i32.eq (local.get $id) (i32.const 2)) (then unreachable)) (f64.const 10000)";
    let guest = guest(request, NEVER, 5);
    block_on(async {
        let permits = Arc::new(Semaphore::new(3));
        let permit = || Arc::clone(&permits).try_acquire_owned().unwrap();
        let (inbox, jobs) = mpsc::unbounded_channel();
        let [first, second] = [(); 2].map(|()| {
            let (reply, answered) = oneshot::channel();
            let job = Job {
                request: a_request(),
                reply,
                deadline: Instant::now() + Duration::from_secs(60),
                turn: permit(),
                in_lane: None,
            };
            assert!(inbox.send(job).is_ok());
            answered
        });
        let session = Session::new(guest.worker.clone(), permit(), Some(jobs));
        session.run(None).await;
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert!(matches!(first, Err(CallError::InstanceLost)), "{first:?}");
        assert!(matches!(second, Err(CallError::Trap { .. })), "{second:?}");
        assert_eq!(permits.available_permits(), 3);
    });
}

const ENGINE: &[u8] = include_bytes!("../../../../engines/javascript/javascript.wasm");

/// The real engine, compiled once for all tests.
fn compiled() -> &'static (Compiler, Compiled) {
    static COMPILED: OnceLock<(Compiler, Compiled)> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let compiler = Compiler::new(CodeTarget {
            cpu: Cpu::Native,
            concurrency: Concurrency::Off,
        })
        .unwrap();
        let code = compiler.compile_script_engine(ENGINE).unwrap();
        (compiler, code)
    })
}

/// A script in the real engine, as an app loads it.
fn script(source: &str) -> (Arc<Host>, WorkerSettings, ScriptProgram) {
    let (compiler, code) = compiled();
    let module = script_abi::Module {
        name: "a.js".into(),
        kind: script_abi::ModuleKind::Esm,
        source: source.into(),
        imports: Vec::new(),
        mappings: Vec::new(),
    };
    let script = script_abi::Script {
        modules: vec![module],
        variables: Vec::new(),
        body_text: false,
    };
    let limits = WorkerLimits::default();
    let snapshot = || {
        let scripts = compiler.script_compiler(ENGINE, code).unwrap();
        scripts.snapshot(&script, limits.memory, Arc::new(|_, _| {}))
    };
    // It has a runtime of its own, which cannot be where another one is.
    let image = thread::scope(|scope| scope.spawn(snapshot).join());
    let image = image.unwrap().unwrap();
    let pool = PoolSize {
        calls: 20,
        memories: 1,
        memory_bytes: limits.memory.0,
        tables: 1,
        table_elements: 20_000,
        core_instances: 2,
    };
    let host = Host::new(&pool, Concurrency::Off).unwrap();
    let settings = WorkerSettings {
        vars: Vec::new(),
        limits,
        concurrency: 1,
        reuse: 1,
        outbound: caller(),
        kv: None,
        log: Arc::new(|_, _| {}),
    };
    let load = |compiled| module_of_compiled(host.engine(), compiled).unwrap();
    let engine = ScriptEngine::of_module(load(code)).unwrap();
    let program = ScriptProgram::new(&engine, &load(&image), &settings).unwrap();
    (host, settings, program)
}

/// How many pages the kernel has made for the memory of an instance, since it wrote to them.
fn written_pages(instance: &Instance) -> usize {
    let memory = instance.store.data().memory.unwrap().data(&instance.store);
    let range = memory.as_ptr().addr()..memory.as_ptr().addr() + memory.len();
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut is_inside, mut kib) = (false, 0);
    for line in smaps.lines() {
        let begin = line
            .split_once('-')
            .and_then(|(at, _)| usize::from_str_radix(at, 16).ok());
        if let Some(begin) = begin {
            is_inside = range.contains(&begin);
        }
        if let (true, Some(rest)) = (is_inside, line.strip_prefix("Anonymous:")) {
            kib += rest
                .trim()
                .trim_end_matches(" kB")
                .parse::<usize>()
                .unwrap();
        }
    }
    kib / 4
}

/// A page that is written to is copied for the request, and restored after it: how many there are
/// is much of what a fresh instance costs.
#[test]
fn a_request_writes_to_few_pages() {
    let source = "export default { fetch() { return new Response('Hello from JS'); } };";
    let (host, settings, program) = script(source);
    block_on(async {
        let _ticking = host.ticker.start();
        let instance = Instance::new(&program, &settings, 20_000, Arc::default());
        let mut instance = instance.await.unwrap();
        assert_eq!(written_pages(&instance), 0);
        let (reply, answered) = oneshot::channel();
        instance.store.data_mut().requests.push(OpenRequest::new(
            1,
            Bytes::new(),
            reply,
            Arc::default(),
        ));
        let head = encode(&script_abi::Request {
            method: "GET",
            url: "http://localhost/",
            headers: vec![("host", b"localhost")],
            params: Vec::new(),
            body_bytes: 0,
        });
        instance.request(1, head).await.unwrap();
        let response = answered.await.unwrap().unwrap();
        assert_eq!(body_of(response).await.unwrap(), b"Hello from JS");
        let pages = written_pages(&instance);
        assert!(pages <= 40, "{pages} pages");
    });
}
