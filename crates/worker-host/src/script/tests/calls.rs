//! `fetch` of scripts in the real engine, against servers that the tests start.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{a_request, block_on, body_of, script};
use crate::CallError;
use crate::exchange::{WorkerBody, WorkerRequest, WorkerResponse};
use crate::worker::{Program, Worker};

/// "hello", as gzip.
const GZIPPED: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
];

/// How much of an answer nobody may take in who does not read it.
const ENDLESS: usize = 64 << 20;

/// A server on this machine, and what it says of its connections.
struct Server {
    origin: String,
    said: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (say, said) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let say = say.clone();
                tokio::spawn(async move {
                    let end = serve(stream, &say).await;
                    let _ = say.send(match end {
                        Ok(()) => "over".to_owned(),
                        Err(_) => "gone".to_owned(),
                    });
                });
            }
        });
        Self { origin, said }
    }

    async fn says(&mut self, want: &str) {
        while self.said.recv().await.unwrap() != want {}
    }
}

async fn serve(mut stream: TcpStream, say: &mpsc::UnboundedSender<String>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    match &*path {
        "/head" => whole(&mut stream, "x-a: 1\r\n", head.as_bytes()).await,
        "/gzip" => {
            let fields = "content-encoding: gzip\r\n";
            whole(&mut stream, fields, GZIPPED).await
        }
        "/away" => {
            let head = "HTTP/1.1 302 Found\r\nlocation: /head\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await
        }
        "/first" => {
            let start = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            stream.write_all(start.as_bytes()).await?;
            stream.read_u8().await.map(drop)
        }
        "/never" => {
            let _ = say.send("asked".to_owned());
            stream.read_u8().await.map(drop)
        }
        "/endless" => endless(&mut stream, say).await,
        "/echo" => echo(&mut stream, say).await,
        _ => Err(io::ErrorKind::Other.into()),
    }
}

async fn whole(stream: &mut TcpStream, fields: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

/// Sends until nobody takes more, and says how much that was.
async fn endless(stream: &mut TcpStream, say: &mpsc::UnboundedSender<String>) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {ENDLESS}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let piece = vec![7; 64 << 10];
    let mut sent = 0;
    while sent < ENDLESS {
        if let Err(error) = stream.write_all(&piece).await {
            let _ = say.send(format!("sent less than half: {}", sent < ENDLESS / 2));
            return Err(error);
        }
        sent += piece.len();
    }
    Ok(())
}

/// Sends back each chunk of the request, as soon as it is there.
async fn echo(stream: &mut TcpStream, say: &mpsc::UnboundedSender<String>) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    loop {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.push(stream.read_u8().await?);
        }
        let text = String::from_utf8_lossy(&size);
        let length = usize::from_str_radix(text.trim(), 16).map_err(io::Error::other)?;
        let mut piece = vec![0; length + 2];
        stream.read_exact(&mut piece).await?;
        let _ = say.send(format!("chunk of {length}"));
        stream.write_all(&size).await?;
        stream.write_all(&piece).await?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// A worker whose handler has this body.
pub(super) fn worker(body: &str) -> Worker {
    let source = format!("export default {{ async fetch(request, env, ctx) {{ {body} }} }}");
    let (host, settings, program) = script(&source);
    Worker::new(&host, Program::Script(program), settings)
}

fn request_for(origin: &str, path: &str) -> WorkerRequest {
    WorkerRequest {
        body: Bytes::from(format!("{origin}{path}")),
        method: http::Method::POST,
        ..a_request()
    }
}

/// Calls a worker that finds the address of the server in the body of its request.
async fn call(worker: &Worker, server: &Server, path: &str) -> Result<WorkerResponse, CallError> {
    worker.call(request_for(&server.origin, path)).await
}

async fn text(response: Result<WorkerResponse, CallError>) -> String {
    let body = body_of(response.unwrap()).await.unwrap();
    String::from_utf8(body).unwrap()
}

/// What a worker with this handler answers, of which `url` is the address to call.
async fn answer(body: &str, path: &str) -> String {
    let server = Server::start().await;
    let worker = worker(&format!("const url = await request.text(); {body}"));
    text(call(&worker, &server, path).await).await
}

#[test]
fn an_answer_is_what_the_server_sent() {
    block_on(async {
        let body =
            "const answer = await fetch(url, { headers: { 'x-mine': '1', host: 'elsewhere' } });
            const { status, statusText, ok, redirected, type } = answer;
            return Response.json([status, statusText, ok, redirected, type, answer.url === url,
                answer.headers.get('x-a'), await answer.text()])";
        let answer = answer(body, "/head").await;
        let begin = r#"[200,"OK",true,false,"basic",true,"1","get /head http/1.1\r\n"#;
        assert!(answer.starts_with(begin), "{answer}");
        for field in [
            "x-mine: 1",
            "accept: */*",
            "accept-encoding: gzip",
            "user-agent: wws",
        ] {
            assert!(answer.contains(field), "{field}: {answer}");
        }
        assert!(answer.contains("host: 127.0.0.1:"), "{answer}");
        assert!(!answer.contains("elsewhere"), "{answer}");
    });
}

#[test]
fn redirects_are_followed_shown_or_refused() {
    block_on(async {
        let body = "const followed = await fetch(url);
            const manual = await fetch(url, { redirect: 'manual' });
            const refused = await fetch(url, { redirect: 'error' }).catch((error) => error);
            return Response.json([followed.status, followed.redirected, new URL(followed.url).pathname,
                manual.status, manual.headers.get('location'), manual.redirected,
                refused instanceof TypeError, refused.cause.code])";
        let want = r#"[200,true,"/head",302,"/head",false,true,"redirect"]"#;
        assert_eq!(answer(body, "/away").await, want);
    });
}

#[test]
fn codings_are_undone_unless_the_script_has_asked_for_them() {
    block_on(async {
        let body = "const plain = await fetch(url);
            const raw = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
            return Response.json([await plain.text(), plain.headers.get('content-encoding'),
                plain.headers.get('content-length'), (await raw.bytes())[0],
                raw.headers.get('content-encoding')])";
        assert_eq!(
            answer(body, "/gzip").await,
            r#"["hello",null,null,31,"gzip"]"#
        );
    });
}

#[test]
fn an_answer_is_handed_on_piece_by_piece() {
    block_on(async {
        let mut server = Server::start().await;
        let worker = worker("return fetch(await request.text())");
        let response = call(&worker, &server, "/first").await.unwrap();
        let WorkerBody::Stream(stream) = response.body else {
            panic!("not a stream");
        };
        let first = std::future::poll_fn(|context| stream.poll_piece(context)).await;
        assert_eq!(first.unwrap().unwrap(), "first");
        // The client goes, and with it the call.
        drop(stream);
        server.says("gone").await;
    });
}

#[test]
fn nobody_takes_in_what_the_script_does_not_read() {
    block_on(async {
        let mut server = Server::start().await;
        let body = "const answer = await fetch(await request.text());
            const reader = answer.body.getReader(); await reader.read();
            await new Promise((done) => setTimeout(done, 300));
            await reader.cancel(); return new Response('read')";
        assert_eq!(
            text(call(&worker(body), &server, "/endless").await).await,
            "read"
        );
        server.says("sent less than half: true").await;
    });
}

#[test]
fn a_stream_is_sent_while_it_is_made() {
    block_on(async {
        let body = "const { readable, writable } = new TransformStream();
            const answering = fetch(url, { method: 'POST', body: readable, duplex: 'half' });
            const writer = writable.getWriter(); const encoder = new TextEncoder();
            writer.write(encoder.encode('one '));
            const reader = (await answering).body.pipeThrough(new TextDecoderStream()).getReader();
            let echoed = (await reader.read()).value;
            writer.write(encoder.encode('two ')); echoed += (await reader.read()).value;
            writer.close(); const { done } = await reader.read();
            return new Response(echoed + done)";
        assert_eq!(answer(body, "/echo").await, "one two true");
    });
}

#[test]
fn a_stream_that_fails_ends_the_call() {
    block_on(async {
        let body = "const body = new ReadableStream({ pull() { throw new Error('mine') } });
            const error = await fetch(url, { method: 'POST', body }).catch((error) => error);
            return Response.json([error.name, error.cause.message])";
        assert_eq!(answer(body, "/never").await, r#"["TypeError","mine"]"#);
    });
}

#[test]
fn a_signal_ends_a_call_before_during_and_after_its_head() {
    block_on(async {
        let before =
            "const error = await fetch(url, { signal: AbortSignal.abort('mine') }).catch((e) => e);
            return new Response(error)";
        assert_eq!(answer(before, "/never").await, "mine");
        let during =
            "const error = await fetch(url, { signal: AbortSignal.timeout(10) }).catch((e) => e);
            return new Response(error.name)";
        assert_eq!(answer(during, "/never").await, "TimeoutError");
        let after = "const control = new AbortController();
            const reader = (await fetch(url, { signal: control.signal })).body.getReader();
            await reader.read(); setTimeout(() => control.abort(), 5);
            const error = await reader.read().catch((e) => e); return new Response(error.name)";
        assert_eq!(answer(after, "/first").await, "AbortError");
    });
}

#[test]
fn the_server_hears_of_a_call_that_was_ended() {
    block_on(async {
        let mut server = Server::start().await;
        let body = "const control = new AbortController();
            const calling = fetch(await request.text(), { signal: control.signal });
            setTimeout(() => control.abort(), 100);
            return new Response((await calling.catch((error) => error)).name)";
        let worker = worker(body);
        let answer = worker.call(request_for(&server.origin, "/never"));
        let (answer, ()) = tokio::join!(answer, server.says("gone"));
        assert_eq!(text(answer).await, "AbortError");
    });
}

#[test]
fn a_client_that_goes_ends_the_calls_of_its_request() {
    block_on(async {
        let mut server = Server::start().await;
        let worker = worker("return fetch(await request.text())");
        let request = request_for(&server.origin, "/never");
        let calling = tokio::spawn(async move { worker.call(request).await });
        server.says("asked").await;
        calling.abort();
        server.says("gone").await;
    });
}

#[test]
fn a_call_that_nobody_waits_for_ends_with_the_answer_unless_it_was_announced() {
    block_on(async {
        let mut server = Server::start().await;
        let left = worker("fetch(await request.text()); return new Response('done')");
        assert_eq!(text(call(&left, &server, "/head").await).await, "done");
        let announced = worker(
            "const url = await request.text();
            ctx.waitUntil(fetch(url).then((answer) => answer.text())); return new Response('done')",
        );
        assert_eq!(text(call(&announced, &server, "/head").await).await, "done");
        server.says("over").await;
    });
}

#[test]
fn a_refused_call_says_what_to_change() {
    block_on(async {
        let body = "const error = await fetch(url, { method: 'DELETE' }).catch((error) => error);
            return Response.json([error.name, error.cause.code, error.message])";
        let answer = answer(body, "/").await;
        let begin = r#"["TypeError","refused","fetch: a DELETE call"#;
        assert!(answer.starts_with(begin), "{answer}");
        assert!(answer.contains("allowed_methods"), "{answer}");
    });
}

#[test]
fn what_cannot_be_called_is_a_type_error() {
    block_on(async {
        let body = "const names = [];
            const urls = ['ftp://a/', 'mailto:a@b', 'data:nothing', '/relative', 'http://a:b@c/'];
            for (const to of urls) names.push((await fetch(to).catch((error) => error)).name);
            const inits = [{ method: 'CONNECT' }, { body: 'a' }, { integrity: 'sha256-a' }];
            for (const init of inits) names.push((await fetch(url, init).catch((error) => error)).name);
            return new Response([...new Set(names)].join() + names.length)";
        assert_eq!(answer(body, "/head").await, "TypeError8");
    });
}

#[test]
fn a_data_url_is_its_own_answer() {
    block_on(async {
        let body = "const text = await fetch('data:text/plain;charset=utf-8,a%20b#c');
            const bytes = await fetch('data:;base64,aGVsbG8=');
            return Response.json([await text.text(), text.headers.get('content-type'),
                await bytes.text(), bytes.headers.get('content-type')])";
        let want = r#"["a b","text/plain;charset=utf-8","hello","text/plain;charset=US-ASCII"]"#;
        assert_eq!(answer(body, "/").await, want);
    });
}

#[test]
fn shared_instances_have_calls_on_their_way_for_several_requests() {
    block_on(async {
        let server = Arc::new(Server::start().await);
        let source = "export default { async fetch(request) {
            const answer = await fetch(await request.text(), { headers: { 'x-n': request.headers.get('x-n') } });
            return new Response(await answer.text()) } }";
        let (host, mut settings, program) = script(source);
        settings.reuse = 100;
        settings.concurrency = 20;
        let worker = Worker::new(&host, Program::Script(program), settings);
        let calls = (0..20).map(|n| {
            let (worker, server) = (worker.clone(), Arc::clone(&server));
            tokio::spawn(async move {
                let mut request = request_for(&server.origin, "/head");
                request.headers.insert("x-n", n.into());
                let answer = text(worker.call(request).await).await;
                assert!(answer.contains(&format!("x-n: {n}\r\n")), "{n}: {answer}");
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    });
}
