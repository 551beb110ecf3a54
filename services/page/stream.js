// A stream of server-sent events that comes back by itself. (EventSource gives up at a 503, and cannot say which service answers.)

import { problemText } from './api.js';
import { authorization, need, onChange } from './key.js';

const SILENCE_MS = 50000;
const LONGEST_PAUSE_MS = 15000;

/**
 * Follows `path` for ever. `on.event(type, data)` gets each event, `on.state(state, service)` how the connection is:
 * connecting, open, waiting, refused (with a text in place of the service). With another key it begins anew. `on.state` comes before the first event of a connection.
 */
export async function follow(path, on) {
  let lastId = '';
  let failures = 0;
  for (;;) {
    on.state('connecting');
    const pause = await once(path, lastId, on, (id) => { lastId = id; failures = 0; });
    if (pause === ANOTHER_KEY) {
      // What was read under one key is no place for another.
      lastId = '';
      failures = 0;
      continue;
    }
    failures += 1;
    if (pause === REFUSED) {
      await rest(LONGEST_PAUSE_MS);
      continue;
    }
    on.state('waiting');
    const wait = Math.min(pause * 2 ** Math.min(failures - 1, 6), LONGEST_PAUSE_MS);
    await rest(wait * (0.75 + Math.random() / 2));
  }
}

const ANOTHER_KEY = -1;
const REFUSED = -2;

/** Until the time is over, or another key is there. */
function rest(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    const forget = onChange(done);
    function done() {
      clearTimeout(timer);
      forget();
      resolve();
    }
  });
}

/** What was answered in place of a stream, for whoever looks. */
async function told(response) {
  let body = {};
  try { body = await response.json(); } catch { /* no JSON: the status says enough */ }
  return problemText({ status: response.status, body });
}

/** One connection; resolves to how long to wait before the next one. */
async function once(path, lastId, on, keep) {
  const abort = new AbortController();
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  let retry = 1000;
  let isOfAnotherKey = false;
  const forget = onChange(() => { isOfAnotherKey = true; abort.abort(); });
  try {
    const headers = { accept: 'text/event-stream', ...authorization() };
    if (lastId) headers['last-event-id'] = lastId;
    const response = await fetch(path, { headers, signal: abort.signal, cache: 'no-store' });
    if (!response.ok) {
      // An id that no service takes would be refused for ever.
      if (response.status === 400) keep('');
      if (response.status === 401 || response.status === 403) {
        const text = await told(response);
        on.state('refused', text);
        if (response.status === 401) need(text);
        return isOfAnotherKey ? ANOTHER_KEY : REFUSED;
      }
      return 1000 * (Number(response.headers.get('retry-after')) || 2);
    }
    on.state('open', response.headers.get('x-order-service') ?? '?');
    const parse = parser({ ...on, id: keep, retry: (ms) => { retry = ms; } });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return isOfAnotherKey ? ANOTHER_KEY : retry;
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
      parse(value);
    }
  } catch {
    return isOfAnotherKey ? ANOTHER_KEY : retry;
  } finally {
    forget();
    clearTimeout(silence);
    abort.abort();
  }
}

/** Takes text as it comes; lines of the service end in LF. */
export function parser(on) {
  let rest = '';
  let event = { type: 'message', data: [] };
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (event.data.length) dispatch(event, on);
        event = { type: 'message', data: [] };
        continue;
      }
      const at = line.indexOf(':');
      if (at === 0) continue;
      const name = at < 0 ? line : line.slice(0, at);
      const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
      if (name === 'data') event.data.push(value);
      else if (name === 'event') event.type = value;
      else if (name === 'id') on.id(value);
      else if (name === 'retry' && /^\d+$/.test(value)) on.retry(Number(value));
    }
  };
}

function dispatch(event, on) {
  try {
    on.event(event.type, JSON.parse(event.data.join('\n')));
  } catch (error) {
    console.warn('an event was left out', error);
  }
}
