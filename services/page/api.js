// Calls of the REST interface: the answer, and which service gave it.

import { authorization, need } from './key.js';

const LIMIT_MS = 20000;

/** Resolves to {status, service, body}; status 0 where nobody answered. It never rejects. */
export async function call(path, { method = 'GET', body, headers = {} } = {}) {
  const options = { method, headers: { accept: 'application/json', ...authorization(), ...headers }, signal: AbortSignal.timeout(LIMIT_MS), cache: 'no-store' };
  if (body !== undefined) {
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    const service = response.headers.get('x-order-service') ?? '?';
    const text = await response.text();
    let json = null;
    try { json = JSON.parse(text); } catch { /* no JSON: the status says enough */ }
    const result = { status: response.status, service, body: json ?? {} };
    if (result.status === 401) need(problemText(result));
    return result;
  } catch {
    return { status: 0, service: '?', body: { title: 'Nobody answered', detail: 'the service or the way to it is away' } };
  }
}

/** A path's part: `.` and `..` would be taken for the folder. */
export const part = (id) => encodeURIComponent(id).replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E'));

/** A key that makes retries the same request. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** What a problem says, in one sentence. */
export function problemText({ status, body }) {
  const title = body.title ?? `Status ${status}`;
  return body.detail ? `${title}: ${body.detail}` : title;
}
