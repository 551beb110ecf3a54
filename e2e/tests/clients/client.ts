// A shop that uses the types which openapi-typescript made of /openapi.json, through openapi-fetch: what a person would write first. The
// compiler is strict, so a word that the API does not have does not compile.
//
// It must never cast. Arguments: the address.

import createClient from 'openapi-fetch';
import type { components, paths } from './ledger.js';

// All that is needed of Node.js.
declare const process: { readonly argv: readonly string[] };

type Problem = components['schemas']['ProblemDocument'];
type Status = components['schemas']['OrderStatus'];

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

/** The data, where the answer is a success. */
function data<T>(answer: { data?: T; error?: unknown }): T {
  check(answer.data !== undefined, answer.error);
  return answer.data;
}

/** The problem, where it is none. */
function problem(answer: { data?: unknown; error?: Problem }): Problem {
  check(answer.error !== undefined, answer.data);
  return answer.error;
}

/** Exhaustive: a status more in the API does not compile before it has a case. */
function says(status: Status): string {
  switch (status) {
    case 'pending': return 'wait';
    case 'held': return 'confirm it';
    case 'confirmed': return 'yours';
    case 'rejected': return 'not to be had';
    case 'cancelled': return 'given back';
  }
}

const client = createClient<paths>({ baseUrl: process.argv[2] ?? 'http://127.0.0.1:8080' });
const run = crypto.randomUUID().slice(0, 8);
const [user, bar, tea] = ['typescript', `bar-${run}`, `tea-${run}`] as const;
const wait = { Prefer: 'wait=10' };

for (const productId of [bar, tea]) {
  data(await client.POST('/stock/{productId}/receipts', { params: { path: { productId }, header: wait }, body: { quantity: 10 } }));
}

// An order of one product, confirmed, and read.
const order = { userId: user, productId: bar, quantity: 3, unitPrice: 250 };
const keyed = { header: { ...wait, 'Idempotency-Key': `k-${run}` } };
const placed = data(await client.POST('/orders', { params: keyed, body: order }));
check(placed.status === 'confirmed', placed);
const again = data(await client.POST('/orders', { params: keyed, body: order }));
check(again.orderId === placed.orderId, again);
const path = { orderId: placed.orderId };
const read = data(await client.GET('/orders/{orderId}', { params: { path, query: { after: placed.position } } }));
check(read.totalPrice === 750 && read.lines[0]?.status === 'reserved' && says(read.status) === 'yours', read);

// An order of several products, held, then confirmed.
const lines = [bar, tea].map((productId) => ({ productId, quantity: 1, unitPrice: 100 }));
const basket = { userId: user, lines, currency: 'EUR', hold: { expiresInSeconds: 600 } };
const held = data(await client.POST('/orders', { params: { header: wait }, body: basket }));
check(held.status === 'held' && held.expiresAt !== undefined && !Number.isNaN(Date.parse(held.expiresAt)), held);
const ofHeld = { path: { orderId: held.orderId }, query: { after: held.position }, header: wait };
const confirmed = data(await client.POST('/orders/{orderId}/confirm', { params: ofHeld }));
check(confirmed.status === 'confirmed', confirmed);

// A confirmed order is cancelled, with a note.
const cancelled = data(await client.POST('/orders/{orderId}/cancel', { params: ofHeld, body: { note: 'changed my mind' } }));
check(cancelled.status === 'cancelled', cancelled);
const after = { ...ofHeld, query: { after: cancelled.position } };
const notHeld = problem(await client.POST('/orders/{orderId}/confirm', { params: after }));
check(notHeld.type === '/problems/not-held' && notHeld.orderStatus === 'cancelled', notHeld);

// Stock: a page of it, and one product.
const page = data(await client.GET('/stock', { params: { query: { limit: 200 } } }));
check(page.items.some(({ productId }) => productId === bar) || page.nextCursor !== null, page);
const ofBar = { path: { productId: bar }, query: { after: cancelled.position } };
const stock = data(await client.GET('/stock/{productId}', { params: ofBar }));
check(stock.available === 7 && stock.held === 0, stock);

// Refusals: more than there is, a field that is wrong, and nothing there.
const much = problem(await client.POST('/orders', { params: { header: wait }, body: { ...order, quantity: 1000 } }));
check(much.type === '/problems/out-of-stock' && much.available === 7 && much.lines?.[0]?.reason === 'out-of-stock', much);
const wrong = problem(await client.POST('/orders', { body: { ...order, quantity: 0 } }));
check(wrong.type === '/problems/invalid-field' && wrong.errors?.[0]?.field === 'quantity', wrong);
const nowhere = problem(await client.GET('/orders/{orderId}', { params: { path: { orderId: crypto.randomUUID() } } }));
check(nowhere.type === '/problems/not-found' && nowhere.status === 404, nowhere);
console.log('done');
