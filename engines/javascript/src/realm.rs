//! The realm of a script: its globals, its modules, and what is going on in it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rquickjs::function::IntoArgs;
use rquickjs::runtime::RejectionTracker;
use rquickjs::{Array, Context, Ctx, Function, Module, Object, Persistent, Runtime, Value};
use script_abi::{Event, Level, Position, Refusal, Request, Script, decode, encode};

use crate::modules::{Graph, Outcome};
use crate::{host, native, operations};

/// What QuickJS may use of the stack of the module, so that a recursion without end becomes an
/// exception before the stack is at its end.
const STACK_BYTES: usize = 512 << 10;

/// How far the virtual clock goes while a script is evaluated.
const EVALUATION_MS_MAX: f64 = 10_000.0;

/// A rejected promise that nobody has handled yet, and why it was rejected.
type Rejection = (Persistent<Value<'static>>, Persistent<Value<'static>>);

/// A script's realm.
pub struct Realm {
    runtime: Runtime,
    context: Context,
    hooks: Hooks,
    shared: Rc<Shared>,
}

/// What the functions of the realm and the realm itself work on.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) requests: RefCell<Requests>,
    /// The request that causes what runs now; 0 if none does.
    pub(crate) current: Cell<u32>,
    pub(crate) graph: RefCell<Graph>,
    /// Once the script has been evaluated, time is the host's.
    pub(crate) evaluated: Cell<bool>,
    /// The time while the script is evaluated, in milliseconds.
    pub(crate) virtual_ms: Cell<f64>,
    /// When the next timer is due, on the clock of [`Shared::elapsed`].
    pub(crate) wake: Cell<Wake>,
    rejections: RefCell<Vec<Rejection>>,
    /// Rejected promises that the script was told of.
    reported: RefCell<Vec<Persistent<Value<'static>>>>,
    /// Those of them that somebody has handled after all.
    handled_late: RefCell<Vec<Persistent<Value<'static>>>>,
}

/// A time in milliseconds; never, at first.
#[derive(Clone, Copy)]
pub(crate) struct Wake(pub(crate) f64);

impl Default for Wake {
    fn default() -> Self {
        Self(f64::INFINITY)
    }
}

/// The heads of the requests that are open, as postcard. Nearly always there is one.
#[derive(Default)]
pub(crate) struct Requests(Vec<(u32, Vec<u8>)>);

impl Requests {
    pub(crate) fn get(&self, id: u32) -> Option<Request<'_>> {
        let (_, head) = self.0.iter().find(|(of, _)| *of == id)?;
        decode(head).ok()
    }

    fn add(&mut self, id: u32, head: Vec<u8>) {
        self.0.push((id, head));
    }

    pub(crate) fn remove(&mut self, id: u32) {
        self.0.retain(|(of, _)| *of != id);
    }
}

impl Shared {
    /// Milliseconds since the instance began.
    pub(crate) fn elapsed(&self) -> f64 {
        match self.evaluated.get() {
            true => self.virtual_ms.get() + host::elapsed(),
            false => self.virtual_ms.get(),
        }
    }

    /// The wall clock, in milliseconds. It stands still at 1970 while a script is evaluated: the
    /// same script has to give the same snapshot.
    pub(crate) fn now(&self) -> f64 {
        match self.evaluated.get() {
            true => host::now(),
            false => self.virtual_ms.get(),
        }
    }

    /// Notes that the script was told of a rejected promise; the oldest are forgotten.
    fn remember(&self, promise: Persistent<Value<'static>>) {
        const REMEMBERED_MAX: usize = 64;
        let mut reported = self.reported.borrow_mut();
        if reported.len() == REMEMBERED_MAX {
            reported.remove(0);
        }
        reported.push(promise);
    }

    fn until_wake(&self) -> f64 {
        let Wake(wake) = self.wake.get();
        match wake.is_finite() {
            true => (wake - self.elapsed()).max(0.0),
            false => f64::INFINITY,
        }
    }
}

/// The functions of the prelude that the engine calls.
struct Hooks(Persistent<Object<'static>>, Persistent<Function<'static>>);

impl Realm {
    /// A realm with all web APIs, but no script yet.
    pub fn new() -> rquickjs::Result<Self> {
        let runtime = Runtime::new()?;
        runtime.set_max_stack_size(STACK_BYTES);
        let shared = Rc::new(Shared::default());
        runtime.set_host_promise_rejection_tracker(Some(track_rejections(&shared)));
        crate::modules::install(&runtime, &shared);
        let context = Context::full(&runtime)?;
        let hooks = context.with(|ctx| {
            let native = Object::new(ctx.clone())?;
            native::install(&ctx, &native, &shared)?;
            crate::natives::install(&ctx, &native)?;
            let prelude = prelude(&ctx)?;
            let hooks: Object<'_> = prelude.call((native,))?;
            let dispatch: Function<'_> = hooks.get("dispatch")?;
            rquickjs::Result::Ok(Hooks(
                Persistent::save(&ctx, hooks),
                Persistent::save(&ctx, dispatch),
            ))
        })?;
        let realm = Self {
            runtime,
            context,
            hooks,
            shared,
        };
        realm
            .context
            .with(|ctx| realm.call::<_, Value<'_>>(&ctx, "warm", ()).map(drop))?;
        realm.run_jobs();
        Ok(realm)
    }

    /// Evaluates a script; false after the host has been told why it is no worker.
    pub fn load(&self, script: &[u8]) -> bool {
        let refusal = match decode::<Script<'_>>(script) {
            Ok(script) => match self.evaluate(&script) {
                Ok(()) => {
                    self.runtime.run_gc();
                    crate::heap::settle();
                    self.shared.evaluated.set(true);
                    return true;
                }
                Err(refusal) => encode(&refusal),
            },
            Err(error) => encode(&Refusal {
                message: error.to_string().into(),
                lacks_handler: false,
                position: None,
            }),
        };
        host::refuse(&refusal);
        false
    }

    /// Begins a request; gives the milliseconds until a timer is due.
    pub fn request(&self, id: u32, head: Vec<u8>) -> f64 {
        self.shared.current.set(id);
        self.context.with(|ctx| {
            let begun = self.begin(&ctx, id, head);
            self.settle(&ctx, begun);
        });
        self.run()
    }

    /// Goes on after an event; gives the milliseconds until a timer is due.
    pub fn resume(&self, event: Event, id: u32) -> f64 {
        let hook = match event {
            Event::Timer => None,
            Event::Drained => Some("drained"),
            Event::Cancelled => Some("cancelled"),
        };
        if let Some(hook) = hook {
            self.shared.current.set(id);
            self.context.with(|ctx| {
                let called = self.call::<_, Value<'_>>(&ctx, hook, (id,));
                self.settle(&ctx, called.map(drop));
            });
        }
        self.run()
    }

    /// Goes on after the end of an operation; gives the milliseconds until a timer is due.
    pub fn settled(&self, number: u32, outcome: &[u8]) -> f64 {
        self.context.with(|ctx| {
            let called = operations::outcome_of(&ctx, outcome).and_then(|(failed, value)| {
                self.call::<_, Value<'_>>(&ctx, "settled", (number, failed, value))
            });
            self.settle(&ctx, called.map(drop));
        });
        self.run()
    }

    fn begin<'js>(&self, ctx: &Ctx<'js>, id: u32, head: Vec<u8>) -> rquickjs::Result<()> {
        let Ok(request) = decode::<Request<'_>>(&head) else {
            return Ok(());
        };
        let method = rquickjs::String::from_str(ctx.clone(), request.method)?;
        let url = rquickjs::String::from_str(ctx.clone(), request.url)?;
        let has_body = request.body_bytes > 0;
        self.shared.requests.borrow_mut().add(id, head);
        let dispatch = self.hooks.1.clone().restore(ctx)?;
        dispatch.call((id, method, url, has_body))
    }

    fn call<'js, A: IntoArgs<'js>, R: rquickjs::FromJs<'js>>(
        &self,
        ctx: &Ctx<'js>,
        hook: &str,
        arguments: A,
    ) -> rquickjs::Result<R> {
        let hooks = self.hooks.0.clone().restore(ctx)?;
        hooks.get::<_, Function<'js>>(hook)?.call(arguments)
    }

    /// What the prelude itself throws ends in the log: it catches what scripts throw.
    fn settle<'js>(&self, ctx: &Ctx<'js>, result: rquickjs::Result<()>) {
        if result.is_err() {
            let thrown = ctx.catch();
            host::log(Level::Error, &self.describe(ctx, thrown));
        }
    }

    /// An exception in words, with its stack.
    fn describe<'js>(&self, ctx: &Ctx<'js>, thrown: Value<'js>) -> String {
        match self.call(ctx, "describe", (thrown,)) {
            Ok(text) => text,
            Err(_) => {
                let _ = ctx.catch();
                "an exception that cannot be described".to_owned()
            }
        }
    }

    /// Runs jobs and timers until nothing is left to do for now.
    fn run(&self) -> f64 {
        loop {
            self.run_jobs();
            let left = self.shared.until_wake();
            if left > 0.0 {
                return left;
            }
            self.context.with(|ctx| {
                let called = self.call::<_, Value<'_>>(&ctx, "runTimers", ());
                self.settle(&ctx, called.map(drop));
            });
        }
    }

    fn run_jobs(&self) {
        loop {
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) if self.report_rejections() => {}
                Ok(false) => return,
                Err(_) => self.context.with(|ctx| {
                    self.settle(&ctx, Err(rquickjs::Error::Exception));
                }),
            }
        }
    }

    /// Tells the script of promises that were rejected with nobody to handle it; whether there
    /// were any.
    fn report_rejections(&self) -> bool {
        let rejections = self.shared.rejections.take();
        let handled = self.shared.handled_late.take();
        if rejections.is_empty() && handled.is_empty() {
            return false;
        }
        self.context.with(|ctx| {
            for promise in handled {
                let called = promise
                    .restore(&ctx)
                    .and_then(|promise| self.call(&ctx, "rejectionHandled", (promise,)));
                self.settle(&ctx, called);
            }
            for (promise, reason) in rejections {
                self.shared.remember(promise.clone());
                let called = promise.restore(&ctx).and_then(|promise| {
                    let reason = reason.restore(&ctx)?;
                    self.call(&ctx, "unhandledRejection", (reason, promise))
                });
                self.settle(&ctx, called);
            }
        });
        true
    }

    fn evaluate(&self, script: &Script<'_>) -> Result<(), Refusal<'static>> {
        self.shared.graph.replace(Graph::new(script));
        let outcome = self.context.with(|ctx| {
            self.configure(&ctx, script)
                .and_then(|()| crate::modules::begin(&ctx, &self.shared))
                .map_err(|_| self.refusal(&ctx, ctx.catch()))
        })?;
        self.wait_for(&outcome)?;
        self.context.with(|ctx| {
            let failed = |_| self.refusal(&ctx, ctx.catch());
            let handler = outcome.default_export(&ctx).map_err(failed)?;
            let refused: Option<String> = self.call(&ctx, "adopt", (handler,)).map_err(failed)?;
            match refused {
                Some(message) => Err(Refusal {
                    message: message.into(),
                    lacks_handler: true,
                    position: None,
                }),
                None => self.check_handler(&ctx),
            }
        })
    }

    fn check_handler(&self, ctx: &Ctx<'_>) -> Result<(), Refusal<'static>> {
        if self.call(ctx, "hasHandler", ()).unwrap_or(false) {
            return Ok(());
        }
        let message = "nothing in it answers requests; write `export default { fetch(request, env, \
             ctx) { … } }` or `addEventListener(\"fetch\", event => event.respondWith(…))`";
        Err(Refusal {
            message: message.into(),
            lacks_handler: true,
            position: None,
        })
    }

    fn configure<'js>(&self, ctx: &Ctx<'js>, script: &Script<'_>) -> rquickjs::Result<()> {
        let variables = Array::new(ctx.clone())?;
        for (index, variable) in script.variables.iter().enumerate() {
            let entry = Array::new(ctx.clone())?;
            entry.set(0, &*variable.name)?;
            match &variable.value {
                Some(value) => entry.set(1, &**value)?,
                None => entry.set(1, Value::new_null(ctx.clone()))?,
            }
            entry.set(2, index)?;
            variables.set(index, entry)?;
        }
        let settings = Object::new(ctx.clone())?;
        settings.set("bodyText", script.body_text)?;
        settings.set("vars", variables)?;
        self.call(ctx, "configure", (settings,))
    }

    /// Runs until the evaluation has ended. Time passes as soon as there is nothing else to do.
    fn wait_for(&self, outcome: &Outcome) -> Result<(), Refusal<'static>> {
        loop {
            self.run_jobs();
            if let Some(result) = self.context.with(|ctx| outcome.ended(&ctx)) {
                return result
                    .map_err(|()| self.context.with(|ctx| self.refusal(&ctx, ctx.catch())));
            }
            let wake = self.shared.wake.get().0;
            if wake > EVALUATION_MS_MAX {
                return Err(never_settles());
            }
            self.shared
                .virtual_ms
                .set(wake.max(self.shared.virtual_ms.get()));
            self.context.with(|ctx| {
                let called = self.call::<_, Value<'_>>(&ctx, "runTimers", ());
                self.settle(&ctx, called.map(drop));
            });
        }
    }

    fn refusal<'js>(&self, ctx: &Ctx<'js>, thrown: Value<'js>) -> Refusal<'static> {
        let stack = thrown
            .as_object()
            .and_then(|object| object.get::<_, String>("stack").ok());
        let position = stack.and_then(|stack| self.shared.graph.borrow().first_position(&stack));
        Refusal {
            message: format!("at its top level: {}", self.describe(ctx, thrown)).into(),
            lacks_handler: false,
            position: position.map(|(module, line, column)| Position {
                module: module.into(),
                line,
                column,
            }),
        }
    }
}

fn never_settles() -> Refusal<'static> {
    let message = "its top level never comes to an end: an `await` there waits for something that \
         does not happen while a site is bundled. Do it when a request comes";
    Refusal {
        message: message.into(),
        lacks_handler: false,
        position: None,
    }
}

fn track_rejections(shared: &Rc<Shared>) -> RejectionTracker {
    let shared = Rc::downgrade(shared);
    Box::new(move |ctx, promise, reason, is_handled| {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut rejections = shared.rejections.borrow_mut();
        let is_it = |of: &Persistent<Value<'static>>| {
            of.clone()
                .restore(&ctx)
                .is_ok_and(|rejected| rejected == promise)
        };
        match is_handled {
            true => {
                rejections.retain(|(of, _)| !is_it(of));
                let mut reported = shared.reported.borrow_mut();
                if let Some(place) = reported.iter().position(is_it) {
                    shared
                        .handled_late
                        .borrow_mut()
                        .push(reported.swap_remove(place));
                }
            }
            false => rejections.push((
                Persistent::save(&ctx, promise),
                Persistent::save(&ctx, reason),
            )),
        }
    })
}

/// The web platform, as bytecode of a module; `build.rs` has made it.
const PRELUDE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/prelude.bin"));

/// The function that the prelude is.
fn prelude<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Function<'js>> {
    // SAFETY: the same version of QuickJS has written it.
    let module = unsafe { Module::load(ctx.clone(), PRELUDE) }?;
    let (module, evaluated) = module.eval()?;
    evaluated.finish::<()>()?;
    module.get("default")
}
