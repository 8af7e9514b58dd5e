// Asks for the numbers every other second and shows them. Texts of workers are only ever put in as
// text.
'use strict';

const PERIOD_MS = 2000;
const POINTS_MAX = 60;

const rates = [];
let before = null;

const $ = (id) => document.getElementById(id);

const decimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${(unit === 0 ? whole : decimal).format(count)} ${units[unit]}`;
}

function time(micros) {
  if (micros === null) return '–';
  if (micros < 1000) return `${whole.format(micros)} µs`;
  if (micros < 1e6) return `${decimal.format(micros / 1000)} ms`;
  return `${decimal.format(micros / 1e6)} s`;
}

function duration(seconds) {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const begin = parts.findIndex(([size]) => seconds >= size);
  if (begin < 0) return '0 s';
  return parts.slice(begin, begin + 2)
    .map(([size, unit], place) => {
      const left = place === 0 ? seconds : seconds % parts[begin][0];
      return `${Math.floor(left / size)} ${unit}`;
    })
    .join(' ');
}

function cell(name, text, kind) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  if (name === 'th') element.scope = 'row';
  element.textContent = text;
  return element;
}

function fill(table, rows, nothing) {
  const body = $(table).tBodies[0];
  const made = rows.map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells);
    return row;
  });
  if (made.length === 0) {
    const row = document.createElement('tr');
    const empty = cell('td', nothing, 'empty');
    empty.colSpan = $(table).tHead.rows[0].cells.length;
    row.append(empty);
    made.push(row);
  }
  body.replaceChildren(...made);
}

function statuses(list) {
  const found = cell('td', '');
  const group = cell('div', '', 'statuses');
  group.append(...list.map(([status, count]) =>
    cell('span', `${status} × ${whole.format(count)}`, status >= '5' ? 'bad' : '')));
  found.append(group);
  return found;
}

function showSpark(rate) {
  rates.push(rate);
  if (rates.length > POINTS_MAX) rates.shift();
  const most = Math.max(1, ...rates);
  const step = 240 / (POINTS_MAX - 1);
  const first = 240 - (rates.length - 1) * step;
  const points = rates.map((value, place) =>
    `${(first + place * step).toFixed(1)},${(45 - value / most * 42).toFixed(1)}`);
  $('line').setAttribute('points', points.join(' '));
  $('area').setAttribute('points', `${first.toFixed(1)},48 ${points.join(' ')} 240,48`);
}

function showState(data) {
  const state = $('state');
  const ready = data.obstacles.length === 0;
  state.textContent = ready ? 'Ready' : `Not ready: ${data.obstacles.join('; ')}`;
  state.className = ready ? 'badge good' : 'badge bad';
  $('version').textContent = data.version;
  $('uptime').textContent = `up for ${duration((data.now_ms - data.started_ms) / 1000)}`;
}

function showCards(data, perSecond) {
  const sum = (key) => data.routes.reduce((all, route) => all + route[key], 0);
  const [requests, errors] = [sum('requests'), sum('errors')];
  if (before) {
    const rate = perSecond(requests, before.requests);
    $('rate').textContent = decimal.format(rate);
    showSpark(rate);
    const processor = (data.processor_ms - before.processor) / (data.now_ms - before.now) * 100;
    $('processor').textContent = `${decimal.format(Math.max(0, processor))} %`;
  }
  $('errors').textContent = whole.format(errors);
  $('errors-note').textContent = `of ${whole.format(requests)} requests`;
  $('connections').textContent = whole.format(data.connections.open);
  $('connections-note').textContent = `${whole.format(data.connections.all)} since the start`;
  const { resident, idle, calls, calls_max: most, memories } = data.memory;
  $('memory').textContent = resident === null ? 'unknown' : bytes(resident);
  $('memory-note').textContent = idle ? `${bytes(idle)} kept for workers` : '';
  $('calls').textContent = calls === null ? '–' : whole.format(calls);
  $('calls-note').textContent = most === null ? 'no worker was loaded'
    : `at most ${whole.format(most)}; ${whole.format(memories)} memories`;
  return requests;
}

function showRoutes(data, perSecond) {
  fill('routes', data.routes.map((route) => {
    const last = before && before.routes.get(route.route);
    const rate = last === undefined || last === null ? '–'
      : decimal.format(perSecond(route.requests, last));
    return [
      cell('th', route.route, route.kind === 'worker' ? '' : 'word'),
      cell('td', whole.format(route.requests), 'number'),
      cell('td', rate, 'number'),
      cell('td', time(route.p50_us), 'number'),
      cell('td', time(route.p99_us), 'number'),
      cell('td', bytes(route.bytes), 'number'),
      statuses(route.statuses),
    ];
  }), 'No routes.');
}

function showTables(data) {
  fill('failures', data.errors.map((error) => [
    cell('td', `${duration((data.now_ms - error.at_ms) / 1000)} ago`, 'time'),
    cell('th', error.route),
    cell('td', error.status),
    cell('td', error.kind.replaceAll('_', ' ')),
    cell('td', error.reason, 'reason'),
  ]), 'None since the start.');
  fill('limits', data.limits.map(({ name, count }) =>
    [cell('th', name), cell('td', whole.format(count), 'number')]), 'None was hit.');
  for (const table of ['kv', 'outbound']) {
    fill(table, data[table].map(({ name, result, count }) => [
      cell('th', name),
      cell('td', result.replaceAll('_', ' ')),
      cell('td', whole.format(count), 'number'),
    ]), 'None yet.');
  }
}

function show(data) {
  const seconds = before ? Math.max(0.001, (data.now_ms - before.now) / 1000) : 1;
  const perSecond = (now, then) => Math.max(0, now - then) / seconds;
  showState(data);
  const requests = showCards(data, perSecond);
  showRoutes(data, perSecond);
  showTables(data);
  before = {
    now: data.now_ms,
    processor: data.processor_ms,
    requests,
    routes: new Map(data.routes.map((route) => [route.route, route.requests])),
  };
}

async function poll() {
  try {
    const answer = await fetch('data.json', { cache: 'no-store' });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    $('state').textContent = `No answer: ${error.message}`;
    $('state').className = 'badge bad';
  }
  setTimeout(poll, PERIOD_MS);
}

poll();
