//! Tries the engine on the machine that builds it: evaluates a script, and sends it requests.
//!
//! ```text
//! run SCRIPT.js [URL [BODY]]...
//! ```
//!
//! A script without a handler is only evaluated: that is how the tests of the prelude run.

use std::process::ExitCode;

use javascript_engine::{Realm, recorder};
use script_abi::{Answer, Module, ModuleKind, Refusal, Request, Script, decode, encode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((file, urls)) = arguments.split_first() else {
        eprintln!("usage: run SCRIPT.js [URL]...");
        return ExitCode::from(2);
    };
    let source = match std::fs::read_to_string(file) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("error: {file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let module = Module {
        name: file.as_str().into(),
        kind: ModuleKind::Esm,
        source: source.into(),
        imports: Vec::new(),
        mappings: Vec::new(),
    };
    let script = Script {
        modules: vec![module],
        variables: Vec::new(),
        body_text: false,
    };
    let realm = match Realm::new() {
        Ok(realm) => realm,
        Err(error) => {
            eprintln!("error: there is no realm: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !realm.load(&encode(&script)) && !refused_for_want_of_a_handler(urls.is_empty()) {
        return ExitCode::FAILURE;
    }
    for (id, url) in (1..).zip(urls) {
        send(&realm, id, url);
    }
    // As in a bundle, a realm is never dropped.
    std::mem::forget(realm);
    let has_errors = recorder::STATE.with_borrow(|state| state.log.iter().any(|(l, _)| *l == 3));
    match has_errors {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn refused_for_want_of_a_handler(is_test: bool) -> bool {
    recorder::STATE.with_borrow(|state| {
        let refusal = state.refusal.as_deref().map(decode::<Refusal<'_>>);
        match refusal {
            Some(Ok(refusal)) if is_test && refusal.message.starts_with("nothing in it") => true,
            Some(Ok(refusal)) => {
                eprintln!("refused at {:?}: {}", refusal.position, refusal.message);
                false
            }
            _ => false,
        }
    })
}

fn send(realm: &Realm, id: u32, url: &str) {
    let (method, url) = url.split_once(' ').unwrap_or(("GET", url));
    let (url, body) = url.split_once(' ').unwrap_or((url, ""));
    let head = encode(&Request {
        method,
        url,
        headers: vec![("host", b"localhost"), ("x-test", b"1")],
        params: vec![("id", "7")],
        body_bytes: u32::try_from(body.len()).unwrap_or(0),
    });
    recorder::STATE.with_borrow_mut(|state| {
        state.bodies.insert(id, body.as_bytes().to_vec());
    });
    // As in `exports`, but the head is passed straight on.
    let mut left = realm.request(id, head);
    let is_over = || {
        recorder::STATE.with_borrow(|state| {
            let outcome = state.outcomes.get(&id);
            outcome.is_some_and(|outcome| outcome.done || outcome.failure.is_some())
        })
    };
    let next_operation = || recorder::STATE.with_borrow_mut(|state| state.waiting.pop());
    while !is_over() {
        if let Some(number) = next_operation() {
            left = realm.settled(number, &recorder::outcome_of_operations());
        } else if left.is_finite() {
            std::thread::sleep(std::time::Duration::from_secs_f64(left / 1000.0));
            left = realm.resume(script_abi::Event::Timer, 0);
        } else {
            break;
        }
    }
    let outcome = recorder::STATE.with_borrow(|state| state.outcomes.get(&id).cloned());
    let Some(outcome) = outcome else {
        println!("{id}: no answer");
        return;
    };
    if let Some((kind, text)) = outcome.failure {
        println!("{id}: failure {kind}: {text}");
        return;
    }
    match decode::<Answer<'_>>(&outcome.head) {
        Ok(answer) => {
            println!("{id}: {}", answer.status);
            for (name, value) in answer.headers {
                let (name, value) = (
                    String::from_utf8_lossy(name),
                    String::from_utf8_lossy(value),
                );
                println!("  {name}: {value}");
            }
            println!("  {}", String::from_utf8_lossy(&outcome.body));
            if !outcome.done {
                println!("  (not done)");
            }
        }
        Err(error) => println!("{id}: {error}"),
    }
}
