// The form for the key. It is shown when a service asks who calls, and when somebody asks for it.

import { answer, find, say } from './dom.js';
import { hasKey, onNeed, use } from './key.js';

const form = () => find('caller');
const input = () => form().querySelector('[name=key]');

function show(isShown) {
  form().hidden = !isShown;
  find('caller-show').setAttribute('aria-expanded', String(isShown));
}

function label() {
  find('caller-show').textContent = hasKey() ? 'Key in use' : 'Key';
  find('caller-forget').hidden = !hasKey();
}

function submit(event) {
  event.preventDefault();
  const text = input().value;
  if (!text.trim()) {
    answer(find('caller-answer'), 'bad', 'Give a key or a token.');
    return input().focus();
  }
  if (!use(text)) return answer(find('caller-answer'), 'bad', 'This has characters that no key has.');
  input().value = '';
  answer(find('caller-answer'), '');
  label();
  show(false);
  return say('The key is used from now on');
}

export function start() {
  form().addEventListener('submit', submit);
  find('caller-forget').addEventListener('click', () => {
    use('');
    label();
    say('The key is forgotten');
  });
  find('caller-show').addEventListener('click', () => {
    show(form().hidden);
    if (!form().hidden) input().focus();
  });
  onNeed((text) => {
    show(true);
    answer(find('caller-answer'), 'bad', `${text}. Whoever operates the ledger makes keys with “ledger keys create”.`);
  });
  label();
}
