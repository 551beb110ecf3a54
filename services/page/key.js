// The key or token of whoever looks. It is kept by this tab alone (sessionStorage), goes with each call in a header, never into an address, and is gone
// with the tab. Where nobody is asked who they are, none is needed.

const NAME = 'ledger-key';
const changed = new Set();
const needed = new Set();
let key = '';
try {
  key = sessionStorage.getItem(NAME) ?? '';
} catch { /* a browser that keeps nothing: the key lasts as long as the page */ }

/** What a call sends of it. */
export const authorization = () => (key ? { authorization: `Bearer ${key}` } : {});

export const hasKey = () => key !== '';

/** Another key, or with an empty text none. What a header cannot hold is none. */
export function use(text) {
  const given = text.trim();
  if (/[^\x21-\x7e]/.test(given)) return false;
  key = given;
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch { /* as above */ }
  changed.forEach((listener) => listener());
  return true;
}

/** Calls `listener()` when another key is used; returns what ends that. */
export function onChange(listener) {
  changed.add(listener);
  return () => changed.delete(listener);
}

/** Calls `listener(text)` when a service wants to know who calls. */
export const onNeed = (listener) => needed.add(listener);

/** A service answered 401, with this text. */
export const need = (text) => needed.forEach((listener) => listener(text));
