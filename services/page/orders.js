// Orders as they are decided: those of everybody by the stream, and those of this page from the moment that they are placed.

import { call, part, problemText } from './api.js';
import { find, make, say } from './dom.js';

const MOST_CARDS = 60;
const KINDS = { OrderConfirmed: 'confirmed', OrderHeld: 'held', OrderRejected: 'rejected', OrderCancelled: 'cancelled' };
const COLOURS = { confirmed: 'good', held: 'wait', pending: 'wait', rejected: 'bad', cancelled: 'bad' };

const cards = new Map();
let seen = 0;

/** Forgets all of them: another caller may see others. */
export function clear() {
  cards.clear();
  seen = 0;
  find('order-list').replaceChildren();
  find('orders-empty').hidden = false;
}

/** An event of `/events`; true where it is about an order. */
export function decided(type, outcome) {
  const status = KINDS[type];
  if (!status) return false;
  seen += 1;
  find('orders-hint').textContent = `${seen.toLocaleString()} since this page was opened`;
  const { product_id, quantity, unit_price, reason } = outcome;
  const one = { product_id, quantity, unit_price, reason };
  const lines = (outcome.lines ?? [one]).map((line) => ({
    productId: line.product_id, quantity: line.quantity, unitPrice: line.unit_price, reason: line.reason,
  }));
  const card = update(outcome.order_id, {
    status, lines, userId: outcome.user_id, totalPrice: outcome.total_price, currency: outcome.currency,
    reason: outcome.reason, expiresAt: status === 'held' ? outcome.expires_at : undefined,
  });
  if (card.isOurs) say(`Your order of ${what(lines)} is ${status}`);
  return true;
}

/** An order of this page, which `service` answered. Where the stream was quicker, what it said stays. */
export function placed(order, service) {
  const card = cards.get(order.orderId);
  update(order.orderId, card ? { service } : { ...order, service }).isOurs = true;
}

const what = (lines) => lines.map((line) => `${line.quantity} ${line.productId}`).join(', ');

function update(orderId, change) {
  let card = cards.get(orderId);
  if (!card) {
    card = { orderId, element: make('li', { className: 'card' }), isOurs: false };
    cards.set(orderId, card);
  }
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  Object.assign(card, { reason: undefined, expiresAt: undefined }, pick(card, change.status), Object.fromEntries(given));
  draw(card);
  find('order-list').prepend(card.element);
  find('orders-empty').hidden = true;
  while (cards.size > MOST_CARDS) drop();
  return card;
}

/** Without a new status, what belongs to the old one stays. */
const pick = (card, status) => (status ? {} : { reason: card.reason, expiresAt: card.expiresAt });

function drop() {
  const last = find('order-list').lastElementChild;
  for (const [orderId, card] of cards) if (card.element === last) cards.delete(orderId);
  last.remove();
}

function draw(card) {
  const { orderId, status, userId, lines = [], totalPrice, currency, reason } = card;
  const total = totalPrice === undefined ? '' : `${totalPrice.toLocaleString()} ${currency ?? ''}`;
  const top = make('div', { className: 'card-top' },
    make('span', { className: 'badge', dataset: { kind: COLOURS[status] ?? '' } }, status),
    make('span', { className: 'card-id', title: orderId }, `…${orderId.slice(-8)}`),
    make('span', { className: 'card-user' }, userId ?? ''),
    make('span', { className: 'card-total' }, total));
  const items = lines.map((line) => make('li', {},
    make('span', {}, `${line.quantity} × ${line.productId}`),
    make('span', {}, line.reason ?? `at ${line.unitPrice.toLocaleString()}`)));
  card.left = make('span', { className: 'left' });
  card.wrong = make('p', { className: 'wrong', role: 'alert' });
  const foot = make('div', { className: 'card-foot' });
  if (reason && lines.every((line) => !line.reason)) foot.append(make('span', { className: 'by' }, reason));
  if (status === 'held') foot.append(card.left, button(card, 'confirm', 'Confirm'), button(card, 'cancel', 'Cancel'));
  if (status === 'confirmed') foot.append(button(card, 'cancel', 'Cancel'));
  if (card.service) foot.append(make('span', { className: 'by' }, `service ${card.service}`));
  card.element.replaceChildren(top, make('ul', {}, ...items), foot, card.wrong);
  count(card);
}

function button(card, verb, text) {
  const element = make('button', { type: 'button', className: 'small' }, text);
  element.setAttribute('aria-label', `${text} the order of ${what(card.lines ?? [])}`);
  element.addEventListener('click', async () => {
    for (const other of card.element.querySelectorAll('button')) other.disabled = true;
    const answer = await call(`/orders/${part(card.orderId)}/${verb}`, { method: 'POST', headers: { prefer: 'wait=5' } });
    card.isOurs = true;
    if (answer.status === 200) {
      update(card.orderId, { status: answer.body.status, reason: answer.body.reason, service: answer.service });
    } else if (answer.status === 202) {
      card.wrong.textContent = `Service ${answer.service} took it; it is not decided yet.`;
    } else {
      for (const other of card.element.querySelectorAll('button')) other.disabled = false;
      card.wrong.textContent = `${problemText(answer)} (service ${answer.service})`;
    }
  });
  return element;
}

function count(card) {
  if (card.status !== 'held' || !card.expiresAt) return;
  const left = Math.ceil((Date.parse(card.expiresAt) - Date.now()) / 1000);
  card.left.textContent = left > 0 ? `${clock(left)} left` : 'its time is over';
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// The clock of this machine; that a hold ended is the ledger's to say.
setInterval(() => cards.forEach(count), 1000);
