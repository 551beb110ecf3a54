// The problem and the mend, side by side. The two counters on the left are this page's own arithmetic, which is what shops without a
// ledger do; the numbers on the right are what services answered, each under its name.

import { call, newKey, part, problemText } from './api.js';
import { find, make } from './dom.js';
import { onStock } from './stock.js';

/** Round robin: with two services two questions are enough, and a few more for those of others in between. */
const MOST_QUESTIONS = 6;
const MOST_SALES = 8;
const PRICE = 250;

let own = null;
let askedOf = '';
const value = (name) => find('sell').querySelector(`[name=${name}]`).value.trim();

/** What each service that is reached says now, by its name. */
async function askAll(productId) {
  const said = new Map();
  let failed = null;
  for (let asked = 0; asked < MOST_QUESTIONS && said.size < 2; asked += 1) {
    const result = await call(`/stock/${part(productId)}`);
    if (result.status === 200) said.set(result.service, result.body.available);
    else failed = result;
  }
  return { said: new Map([...said].sort()), failed };
}

async function showAsked(productId) {
  const { said, failed } = await askAll(productId);
  askedOf = productId;
  find('asked').replaceChildren(...[...said].map(([service, available]) => make('div', {},
    make('dt', {}, `Service ${service} says`), make('dd', {}, available.toLocaleString()))));
  const numbers = [...said.values()];
  const verdict = find('asked-verdict');
  verdict.dataset.kind = '';
  if (!numbers.length) {
    verdict.textContent = failed ? problemText(failed) : 'Nobody answered.';
  } else if (said.size === 1) {
    verdict.textContent = `Only service ${[...said.keys()][0]} is reached from here; through the gateway both are.`;
  } else {
    verdict.dataset.kind = 'good';
    verdict.textContent = numbers.every((number) => number === numbers[0])
      ? 'One stock, whoever is asked.'
      : 'An order came between the two questions. Ask again, and they agree.';
  }
  return numbers.at(-1);
}

async function copy() {
  const productId = value('productId');
  const available = await showAsked(productId);
  if (available === undefined) return;
  own = { productId, A: available, B: available, first: available, sold: 0 };
  find('sales').replaceChildren();
  showOwn();
}

function showOwn() {
  find('own-A').textContent = own.A.toLocaleString();
  find('own-B').textContent = own.B.toLocaleString();
  const verdict = find('own-verdict');
  const over = own.sold - own.first;
  verdict.dataset.kind = over > 0 || own.A !== own.B ? 'bad' : '';
  if (over > 0) verdict.textContent = `Sold ${own.sold} of ${own.first}: ${over} that nobody has.`;
  else if (own.A !== own.B) verdict.textContent = `They disagree, and ${own.first - own.sold} are left.`;
  else verdict.textContent = own.sold ? 'They agree by chance.' : 'Both counted the same stock.';
}

async function sell(shop) {
  const productId = value('productId');
  if (own?.productId !== productId) await copy();
  if (!own) return;
  const text = value('quantity');
  const quantity = /^\d{1,9}$/.test(text) ? Number(text) : text;
  const body = { userId: `shop-${shop}`, productId, quantity, unitPrice: PRICE };
  const result = await call('/orders', { method: 'POST', body, headers: { prefer: 'wait=5', 'idempotency-key': newKey() } });
  let left = 'its own counter has too few';
  // What a shop has by its own count it sells.
  if (Number.isInteger(quantity) && quantity > 0 && quantity <= own[shop]) {
    own[shop] -= quantity;
    own.sold += quantity;
    left = 'its own counter lets it';
  }
  const right = result.status === 201 ? `confirmed by service ${result.service}`
    : result.status === 202 ? `taken by service ${result.service}, not decided yet`
    : `refused by service ${result.service}: ${result.body.title ?? result.status}`;
  const sale = make('li', {}, make('strong', {}, `Shop ${shop} sells ${text}. `), `Alone: ${left}. Ledger: ${right}.`);
  find('sales').prepend(sale);
  while (find('sales').children.length > MOST_SALES) find('sales').lastElementChild.remove();
  showOwn();
  await showAsked(productId);
}

export function start() {
  const buttons = [...find('sell').querySelectorAll('button')];
  const busy = async (work) => {
    buttons.forEach((button) => { button.disabled = true; });
    await work();
    buttons.forEach((button) => { button.disabled = false; });
  };
  find('sell').addEventListener('submit', (event) => event.preventDefault());
  find('copy').addEventListener('click', () => busy(copy));
  find('sell').querySelectorAll('[data-shop]').forEach((button) => {
    button.addEventListener('click', () => busy(() => sell(button.dataset.shop)));
  });
  let timer = 0;
  onStock((productId) => {
    if (productId !== askedOf) return;
    clearTimeout(timer);
    timer = setTimeout(() => showAsked(productId), 300);
  });
}
