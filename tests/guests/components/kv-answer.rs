// What the two versions of wasi:keyvalue have in common; their types are not the same, so that it is
// included in both.

struct Guest;

wasip2::http::proxy::export!(Guest);

impl wasip2::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let store = request.headers().get("x-store").into_iter().next().unwrap_or_default();
        let store = String::from_utf8(store).expect("UTF-8 in x-store");
        let Some(action) = path.strip_prefix("/kv/") else {
            return send(answer, 404, b"no such path\n");
        };
        let result = wasi::keyvalue::store::open(&store)
            .and_then(|bucket| act(&bucket, action, query, || read(&request)));
        match result {
            Ok(Some(value)) => send(answer, 200, &value),
            Ok(None) => send(answer, 404, b"no such key or action\n"),
            Err(error) => send(answer, 500, format!("error: {error:?}").as_bytes()),
        }
    }
}

fn plain(
    bucket: &Bucket,
    action: &str,
    query: &str,
    body: impl FnOnce() -> Vec<u8>,
) -> Result<Option<Vec<u8>>, Error> {
    match action {
        "get" => return bucket.get(query),
        "exists" => return Ok(Some(bucket.exists(query)?.to_string().into())),
        "set" => bucket.set(query, &body())?,
        "delete" => bucket.delete(query)?,
        "set-many" => {
            let pairs = query.split(',').map(|pair| pair.split_once('=').expect("KEY=VALUE"));
            let pairs: Vec<_> =
                pairs.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect();
            batch::set_many(bucket, &pairs)?;
        }
        "delete-many" => {
            let keys: Vec<_> = query.split(',').map(str::to_owned).collect();
            batch::delete_many(bucket, &keys)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(b"ok".to_vec()))
}

fn list(bucket: &Bucket) -> Result<String, Error> {
    let mut text = String::new();
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor_of(&cursor))?;
        for key in page.keys {
            text.push_str(&key);
            text.push('\n');
        }
        if page.cursor.is_none() {
            return Ok(text);
        }
        cursor = page.cursor;
    }
}

fn line(key: &str, value: Option<Vec<u8>>) -> String {
    match value {
        Some(value) => format!("{key}={}\n", String::from_utf8_lossy(&value)),
        None => format!("{key}\n"),
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body: IncomingBody = request.consume().expect("the body, for the first time");
    let stream = body.stream().expect("the stream, for the first time");
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => all.extend(piece),
            Err(StreamError::Closed) => return all,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn send(answer: ResponseOutparam, status: u16, content: &[u8]) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the body, for the first time");
    ResponseOutparam::set(answer, Ok(response));
    let stream = body.write().expect("the stream, for the first time");
    for piece in content.chunks(4096) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
