// The forms that write: an order of one or more lines, and goods that arrive. What the service refused stands at its field.

import { call, newKey, part, problemText } from './api.js';
import { answer, find, make } from './dom.js';
import { placed } from './orders.js';
import { ask } from './stock.js';

const MOST_LINES = 100;
/** By what was sent: a retry of the same is the same order. */
let last = { text: '', key: '' };

function keyOf(text) {
  if (last.text !== text) last = { text, key: newKey() };
  return last.key;
}

let numbers = 0;

function field(label, name, properties, className = '') {
  const input = make('input', { name, autocomplete: 'off', ...properties });
  return make('label', { className: `field ${className}` }, label, input);
}

function addLine(product = '') {
  const lines = find('lines');
  if (lines.children.length >= MOST_LINES) return;
  const remove = make('button', { type: 'button', className: 'small quiet remove' }, 'Remove');
  const line = make('fieldset', { className: 'line' }, make('legend', {}),
    field('Product', 'productId', { maxLength: 64, value: product, required: true }, 'product'),
    field('Pieces', 'quantity', { type: 'number', inputMode: 'numeric', min: 1, value: 1, required: true }),
    field('Unit price', 'unitPrice', { type: 'number', inputMode: 'numeric', min: 1, value: 250, required: true }), remove);
  line.querySelector('[name=productId]').setAttribute('list', 'products');
  remove.addEventListener('click', () => { line.remove(); number(); find('add-line').focus(); });
  lines.append(line);
  number();
}

function number() {
  const lines = [...find('lines').children];
  lines.forEach((line, at) => {
    line.querySelector('legend').textContent = `Line ${at + 1}`;
    const remove = line.querySelector('.remove');
    remove.hidden = lines.length === 1;
    remove.setAttribute('aria-label', `Remove line ${at + 1}`);
  });
}

/** Empty stays empty, and what is no number goes as it is: the service says what is wrong with it. */
const integer = (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : text === '' ? null : text);
const value = (scope, name) => scope.querySelector(`[name="${name}"]`).value.trim();

function orderOf(form) {
  const lines = [...find('lines').children].map((line) => ({
    productId: value(line, 'productId'), quantity: integer(value(line, 'quantity')), unitPrice: integer(value(line, 'unitPrice')),
  }));
  const order = { userId: value(form, 'userId') };
  Object.assign(order, lines.length === 1 ? lines[0] : { lines });
  if (value(form, 'currency')) order.currency = value(form, 'currency');
  if (value(form, 'hold.expiresInSeconds')) order.hold = { expiresInSeconds: integer(value(form, 'hold.expiresInSeconds')) };
  return { order, lines };
}

function clear(form) {
  form.querySelectorAll('.wrong').forEach((element) => element.remove());
  form.querySelectorAll('[aria-invalid]').forEach((input) => {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  });
}

function mark(input, message) {
  numbers += 1;
  const id = `wrong-${numbers}`;
  input.setAttribute('aria-invalid', 'true');
  input.setAttribute('aria-describedby', id);
  input.closest('label').append(make('span', { className: 'wrong', id }, message));
}

/** Puts each error at its field; what has none is answered below. */
function point(form, { errors = [], lines = [] }) {
  const rows = [...find('lines').children];
  const isOrder = form.id === 'place';
  const rest = [];
  for (const { field: name, lineNo, message } of errors) {
    const last = name.slice(name.lastIndexOf('.') + 1);
    const scope = isOrder && lineNo ? rows[lineNo - 1] : form;
    const input = scope?.querySelector(`[name="${CSS.escape(name)}"]`) ?? scope?.querySelector(`[name="${CSS.escape(last)}"]`);
    if (input) mark(input, message);
    else rest.push(`${name}: ${message}`);
  }
  for (const { lineNo, reason } of lines) {
    const input = isOrder && rows[lineNo - 1]?.querySelector('[name=productId]');
    if (input) mark(input, reason);
  }
  form.querySelector('[aria-invalid]')?.focus();
  return rest;
}

const by = (service) => make('span', { className: 'by' }, ` Service ${service} answered.`);

function refused(form, box, result) {
  const rest = point(form, result.body);
  const text = result.body.errors ? [result.body.title, ...rest].join('. ') : problemText(result);
  const again = result.status === 503 || result.status === 0 ? ' Send it again: it is the same request, and takes effect once.' : '';
  answer(box, 'bad', `${text}.${again}`, by(result.service));
}

async function place(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const box = find('place-answer');
  const { order, lines } = orderOf(form);
  const text = JSON.stringify(order);
  clear(form);
  const send = form.querySelector('[type=submit]');
  send.disabled = true;
  const headers = { prefer: 'wait=5', 'idempotency-key': keyOf(text) };
  const result = await call('/orders', { method: 'POST', body: order, headers });
  send.disabled = false;
  if (result.status !== 503 && result.status !== 0) last = { text: '', key: '' };
  const { orderId, status, expiresAt } = result.body;
  if (result.status === 201 || result.status === 202) {
    const words = { confirmed: 'Confirmed.', held: 'Held: confirm it before its time is over.', pending: 'In the log, and not decided yet.' };
    answer(box, status === 'confirmed' ? 'good' : 'wait', words[status] ?? status, by(result.service));
  } else {
    refused(form, box, result);
  }
  if (orderId) {
    const known = result.status === 409 ? 'rejected' : status ?? 'pending';
    const totalPrice = lines.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0);
    const refusals = new Map((result.body.lines ?? []).map(({ lineNo, reason }) => [lineNo, reason]));
    const shown = lines.map((line, at) => ({ ...line, reason: refusals.get(at + 1) }));
    placed({ orderId, status: known, userId: order.userId, currency: order.currency, expiresAt, lines: shown, totalPrice }, result.service);
  }
}

async function receive(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const box = form.querySelector('.answer');
  const productId = value(form, 'productId');
  const body = { quantity: integer(value(form, 'quantity')) };
  const path = `/stock/${part(productId)}/receipts`;
  clear(form);
  if (!productId) {
    mark(form.querySelector('[name=productId]'), 'say which product');
    return form.querySelector('[name=productId]').focus();
  }
  const headers = { prefer: 'wait=5', 'idempotency-key': keyOf(path + JSON.stringify(body)) };
  const result = await call(path, { method: 'POST', body, headers });
  if (result.status !== 503 && result.status !== 0) last = { text: '', key: '' };
  if (result.status !== 201 && result.status !== 202) return refused(form, box, result);
  answer(box, 'good', result.status === 201 ? 'Received.' : 'In the log, and not decided yet.', by(result.service));
  return ask(productId);
}

export function start() {
  addLine('chocolate');
  find('add-line').addEventListener('click', () => {
    addLine();
    find('lines').lastElementChild?.querySelector('input').focus();
  });
  find('place').addEventListener('submit', place);
  find('receive').addEventListener('submit', receive);
}
