// Where the ledger stands, as a service tells it: asked for when something was decided, at most every other second, and never by a
// clock of its own.

import { call, problemText } from './api.js';
import { find, make } from './dom.js';

const PAUSE_MS = 2000;
let isDue = false;
let isResting = false;

/** Forgets what was shown: another caller may not see it. */
export function clear() {
  for (const id of ['facts', 'partitions', 'dead-rows']) find(id).replaceChildren();
}

/** Something happened: look, now or when the pause is over. */
export async function look() {
  isDue = true;
  if (isResting) return;
  isResting = true;
  isDue = false;
  await show();
  setTimeout(() => {
    isResting = false;
    if (isDue) look();
  }, PAUSE_MS);
}

async function show() {
  const result = await call('/status');
  find('ledger-hint').textContent = result.status === 200 ? `told by service ${result.service}` : problemText(result);
  if (result.status !== 200) return;
  const { partitions, generations, deadLetters } = result.body;
  const known = partitions.map((partition) => partition.left).filter((left) => left !== undefined);
  const left = known.length === partitions.length ? known.reduce((sum, some) => sum + some, 0).toLocaleString() : 'unknown';
  const facts = [['Records left to fold', left], ['Generation', generations.join(', ') || 'none'], ['Dead letters', deadLetters.count.toLocaleString()]];
  find('facts').replaceChildren(...facts.map(([name, text]) => make('div', {}, make('dt', {}, name), make('dd', {}, text))));
  const number = (some) => (some === undefined ? 'unknown' : some.toLocaleString());
  find('partitions').replaceChildren(...partitions.map(({ partition, nextOffset, endOffset, left: rest }) => make('tr', {},
    make('th', { scope: 'row' }, partition), ...[nextOffset, endOffset, rest].map((some) => make('td', { className: 'num' }, number(some))))));
  find('dead-empty').hidden = deadLetters.count > 0;
  find('dead-table').hidden = deadLetters.count === 0;
  find('dead-rows').replaceChildren(...deadLetters.items.map(({ position, reason }) => make('tr', {},
    make('th', { scope: 'row' }, position), make('td', {}, reason))));
}
