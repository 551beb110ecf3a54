// Stock: the numbers of every product, each with what happened to it since the page was opened.
//
// `available` comes with the events. What is held is in no event, nor what an order of several lines leaves: then the row is asked for,
// once for a burst. A number never goes back: what is older than what is shown is dropped.

import { call, part, problemText } from './api.js';
import { find, history, make } from './dom.js';

const MOST_ROWS = 200;
const MOST_POINTS = 60;
const ASK_AFTER_MS = 120;

const rows = new Map();
const asking = new Map();
const listeners = new Set();

/** Calls `listener(productId, available)` when a number changed. */
export const onStock = (listener) => listeners.add(listener);

/** Forgets all of it: another caller may see something else. */
export function clear() {
  rows.clear();
  find('stock-rows').replaceChildren();
  find('products').replaceChildren();
}

/** Reads all of it anew. */
export async function load() {
  let cursor = '';
  do {
    const answer = await call(`/stock?limit=100${cursor}`);
    if (answer.status !== 200) {
      find('stock-hint').textContent = problemText(answer);
      return;
    }
    answer.body.items.forEach(show);
    cursor = answer.body.nextCursor ? `&cursor=${encodeURIComponent(answer.body.nextCursor)}` : '';
  } while (cursor && rows.size < MOST_ROWS);
  hint(cursor);
}

/** An event of `/stock/events`. */
export function changed({ productId, available, position }) {
  if (available !== undefined) show({ productId, available, position });
  ask(productId);
}

/** Asks for a product's row, once for all that want it within a moment. */
export function ask(productId) {
  if (asking.has(productId)) return;
  const timer = setTimeout(async () => {
    asking.delete(productId);
    const answer = await call(`/stock/${part(productId)}`);
    if (answer.status === 200) show(answer.body);
  }, ASK_AFTER_MS);
  asking.set(productId, timer);
}

function isOlder(position, than) {
  const [partition, offset] = position.split(':').map(Number);
  const [known, last] = than.split(':').map(Number);
  return partition === known && offset < last;
}

function show({ productId, available, held, position }) {
  let row = rows.get(productId);
  if (row && position && isOlder(position, row.position)) return;
  if (!row) {
    if (rows.size >= MOST_ROWS) return hint(true);
    row = newRow(productId);
    rows.set(productId, row);
    place(row);
  }
  if (position) row.position = position;
  if (held !== undefined) row.held.textContent = held.toLocaleString();
  if (row.points.at(-1) === available) return;
  row.points = [...row.points, available].slice(-MOST_POINTS);
  row.available.textContent = available.toLocaleString();
  row.line.replaceChildren(history(row.points));
  if (row.points.length > 1) flash(row.element);
  listeners.forEach((listener) => listener(productId, available));
}

function newRow(productId) {
  const available = make('td', { className: 'num' });
  const held = make('td', { className: 'num' }, '–');
  const line = make('td', { className: 'wide' });
  const name = make('th', { scope: 'row' }, productId);
  const element = make('tr', {}, name, available, held, line);
  find('products').append(make('option', { value: productId }));
  return { productId, element, available, held, line, points: [], position: '0:-1' };
}

/** By product id, as `/stock` has them. */
function place(row) {
  const body = find('stock-rows');
  const next = [...rows.values()].filter((other) => other !== row && other.productId > row.productId);
  const before = next.reduce((least, other) => (!least || other.productId < least.productId ? other : least), null);
  body.insertBefore(row.element, before ? before.element : null);
  find('stock-empty').hidden = true;
}

function flash(element) {
  element.classList.remove('flash');
  void element.offsetWidth;
  element.classList.add('flash');
}

function hint(more) {
  find('stock-empty').hidden = rows.size > 0;
  find('stock-hint').textContent = more ? `the first ${rows.size} products` : `${rows.size} ${rows.size === 1 ? 'product' : 'products'}`;
}
