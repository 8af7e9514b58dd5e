#!/usr/bin/env bash
# Increments of one counter per second, through each kind of worker and on each store.
#   benches/kv.sh WWS [SECONDS]
# Needs wrk; redis-server for the last column. The app has one core, wrk (and Redis) the other.
set -euo pipefail
wws=$(realpath "${1:?usage: benches/kv.sh WWS [SECONDS]}") seconds=${2:-3}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

mkdir "$work/site"
cd "$work/site"
guests=$root/tests/guests/components
cp "$guests/kv_p1.wasm" protocol.wasm
cp "$guests/kv_draft.wasm" '[...component].wasm'
echo 'export default { async fetch() { return new Response(String(await kv.increment("n"))); } }' >script.js
cat >cache.js <<'JS'
export default {
  fetch() {
    const n = Number(Cache.get("c") ?? 0) + 1;
    Cache.set("c", n);
    return new Response(String(n));
  },
};
JS
for worker in protocol '[...component]' script cache; do
  printf '[data.kv]\nnamespace = "%s"\n' "$worker" >"$worker.toml"
done
"$wws" bundle . -o ../app >/dev/null 2>&1
cd "$work"

stores=(memory data.kv)
if command -v redis-server >/dev/null; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  taskset -c 1 redis-server --port "$port" --save '' --appendonly no >/dev/null &
  pids+=($!)
  stores+=("redis://127.0.0.1:$port")
fi

echo '| worker | store | increments/s | p99 ms | not 200 |'
echo '|---|---|---|---|---|'
for store in "${stores[@]}"; do
  taskset -c 0 ./app --port 0 --kv "$store" >address 2>log &
  app=$!
  pids+=("$app")
  until grep -q http address; do sleep 0.05; done
  url=$(sed 's/.* //' address)
  for worker in script component cache protocol; do
    path=/$worker
    [[ $worker == component ]] && path='/kv/incr?n'
    taskset -c 1 wrk -t 1 -c 50 -d "${seconds}s" --latency "$url$path" >result
    awk -v worker="$worker" -v store="${store%%:*}" '
      /99%/ { p99 = $2 } /Requests\/sec/ { rate = $2 } /Non-2xx/ { bad = $NF }
      END { printf "| %s | %s | %d | %s | %d |\n", worker, store, rate, p99, bad }' result
  done
  kill "$app"
done
