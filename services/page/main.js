// The page: two streams feed it, and everything else is asked for when they say that something happened.

import * as caller from './caller.js';
import * as chocolate from './chocolate.js';
import { find } from './dom.js';
import { onChange } from './key.js';
import * as ledger from './ledger.js';
import * as orders from './orders.js';
import * as place from './place.js';
import * as stock from './stock.js';
import { follow } from './stream.js';

const refused = new Set();
const states = { stock: 'connecting', orders: 'connecting' };
const TEXTS = { connecting: 'Connecting', open: 'Live', waiting: 'Cut off: it comes back by itself', refused: 'Not let in' };

function state(name) {
  return (now, said) => {
    const service = now === 'open' ? said : undefined;
    if (now === 'refused') {
      refused.add(name);
      find(`${name}-hint`).textContent = said;
    }
    if (now === 'open' && refused.delete(name)) find(`${name}-hint`).textContent = '';
    states[name] = now;
    const worst = ['refused', 'waiting', 'connecting', 'open'].find((some) => Object.values(states).includes(some));
    find('live').dataset.state = worst;
    find('live-text').textContent = worst === 'open' ? `Live, fed by service ${service}` : TEXTS[worst];
    if (service) find('served-by').textContent = `service ${service}`;
  };
}

caller.start();
place.start();
chocolate.start();

// The stream first, the rows after it: nothing falls between.
let isLoaded = false;
onChange(() => {
  isLoaded = false;
  stock.clear();
  orders.clear();
  ledger.clear();
});
follow('/stock/events', {
  state: (now, service) => {
    state('stock')(now, service);
    if (now === 'open' && !isLoaded) {
      isLoaded = true;
      stock.load();
      ledger.look();
    }
  },
  event: (type, data) => {
    if (type === 'stock') stock.changed(data);
    else if (type === 'reset') stock.load();
  },
});
follow('/events', {
  state: state('orders'),
  event: (type, data) => {
    orders.decided(type, data);
    ledger.look();
  },
});
