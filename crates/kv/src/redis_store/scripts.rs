//! What Redis runs for us. A script runs alone, and whole: all that can be refused is refused before
//! its first write, and Redis itself checks its memory only there.
//!
//! A version is the time in microseconds, or one more than the one before if that is later: so it
//! grows even if the server has lost its data, or goes back to an older copy of them. It is below
//! 2^53 for 250 years, so that Lua counts it exactly.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::{Script, ScriptInvocation, ToRedisArgs};

use crate::redis_store::Names;

/// The names of the keys; how to write an entry; what ends every script that writes. An optional
/// value is two arguments: `+` and the value, or `-` and nothing.
const WRITING: &str = r"
local entries, keys, meta = KEYS[1], KEYS[2], KEYS[3]
local bytes, changed = 0, false

local function put(key, value)
  local old = redis.call('HSTRLEN', entries, key)
  if redis.call('HSET', entries, key, value) == 1 then
    redis.call('ZADD', keys, 0, key)
    bytes = bytes + #key
  end
  bytes = bytes + #value - old
  changed = true
end

local function remove(key)
  local old = redis.call('HSTRLEN', entries, key)
  if redis.call('HDEL', entries, key) == 0 then
    return 0
  end
  redis.call('ZREM', keys, key)
  bytes = bytes - #key - old
  changed = true
  return 1
end

local function write(first)
  for at = first, #ARGV, 3 do
    if ARGV[at + 1] == '+' then
      put(ARGV[at], ARGV[at + 2])
    else
      remove(ARGV[at])
    end
  end
end

local function finish()
  if not changed then
    return
  end
  local now = redis.call('TIME')
  local version = tonumber(redis.call('HGET', meta, 'version') or '0') + 1
  version = math.max(version, now[1] * 1000000 + now[2])
  redis.call('HSET', meta, 'version', string.format('%.0f', version))
  redis.call('HINCRBY', meta, 'bytes', string.format('%.0f', bytes))
end
";

/// Key and optional value, as often as there are.
const WRITE: &str = r"
write(1)
finish()
return 1
";

/// A key.
const DELETE: &str = r"
local was = remove(ARGV[1])
finish()
return was
";

/// A key and a number. The sum comes back as text, since Lua would round it.
const INCREMENT: &str = r"
local key = ARGV[1]
local had = redis.call('HEXISTS', entries, key) == 1
local old = redis.call('HSTRLEN', entries, key)
local sum = redis.pcall('HINCRBY', entries, key, ARGV[2])
if type(sum) == 'table' then
  if string.find(sum.err, 'overflow', 1, true) then
    return {'overflow'}
  end
  if string.find(sum.err, 'not an integer', 1, true) then
    return {'no number'}
  end
  return sum
end
if not had then
  redis.call('ZADD', keys, 0, key)
  bytes = #key
end
sum = redis.call('HGET', entries, key)
bytes = bytes + #sum - old
changed = true
finish()
return {'sum', sum}
";

/// A key, what is expected, what is new.
const COMPARE_AND_SET: &str = r"
local found = redis.call('HGET', entries, ARGV[1])
if found ~= (ARGV[2] == '+' and ARGV[3]) then
  return 0
end
if ARGV[4] == '+' then
  put(ARGV[1], ARGV[5])
else
  remove(ARGV[1])
end
finish()
return 1
";

/// The version or nothing; how many reads; the reads; the writes.
const COMMIT: &str = r"
if ARGV[1] ~= '' and ARGV[1] ~= (redis.call('HGET', meta, 'version') or '0') then
  return 0
end
local last = 2 + 3 * tonumber(ARGV[2])
for at = 3, last, 3 do
  local found = redis.call('HGET', entries, ARGV[at])
  if found ~= (ARGV[at + 1] == '+' and ARGV[at + 2]) then
    return 0
  end
end
write(last + 1)
finish()
return 1
";

/// The most bytes; keys.
const GET_MANY: &str = r"
local bytes = 0
for at = 2, #ARGV do
  bytes = bytes + redis.call('HSTRLEN', KEYS[1], ARGV[at])
end
if bytes > tonumber(ARGV[1]) then
  return false
end
local values = {}
for at = 2, #ARGV do
  values[at - 1] = redis.call('HGET', KEYS[1], ARGV[at])
end
return values
";

/// The most bytes.
const SNAPSHOT: &str = r"
local state = redis.call('HMGET', KEYS[3], 'version', 'bytes')
if tonumber(state[2] or '0') > tonumber(ARGV[1]) then
  return false
end
return {state[1] or '0', redis.call('HGETALL', KEYS[1])}
";

/// All scripts, with their checksums.
pub(super) struct Scripts {
    pub(super) write: Script,
    pub(super) delete: Script,
    pub(super) increment: Script,
    pub(super) compare_and_set: Script,
    pub(super) commit: Script,
    pub(super) get_many: Script,
    pub(super) snapshot: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let writing = |script: &str| Script::new(&[WRITING, script].concat());
        Self {
            write: writing(WRITE),
            delete: writing(DELETE),
            increment: writing(INCREMENT),
            compare_and_set: writing(COMPARE_AND_SET),
            commit: writing(COMMIT),
            get_many: Script::new(GET_MANY),
            snapshot: Script::new(SNAPSHOT),
        }
    }
}

/// A script and what it is given.
pub(super) struct Call<'a> {
    pub(super) invocation: ScriptInvocation<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(script: &'a Script, names: &Names) -> Self {
        let mut invocation = script.prepare_invoke();
        invocation
            .key(&names.entries)
            .key(&names.keys)
            .key(&names.meta);
        Self { invocation }
    }

    pub(super) fn arg(&mut self, arg: impl ToRedisArgs) {
        self.invocation.arg(arg);
    }

    pub(super) fn optional(&mut self, value: Option<&Bytes>) {
        self.arg(if value.is_some() { "+" } else { "-" });
        self.arg(value.map_or(&[][..], |value| &value[..]));
    }

    pub(super) fn entries(&mut self, entries: &BTreeMap<Bytes, Option<Bytes>>) {
        for (key, value) in entries {
            self.arg(&key[..]);
            self.optional(value.as_ref());
        }
    }
}
