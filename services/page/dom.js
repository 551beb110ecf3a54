// Elements and texts. What comes from elsewhere is only ever text: nothing here takes markup.

export const find = (id) => document.getElementById(id);

/** An element with properties and children; a child that is no node becomes text. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'dataset') Object.assign(element.dataset, value);
    else if (key.startsWith('aria-') || key === 'scope' || key === 'for') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** Sets an answer's text and kind: good, bad, wait, or none. */
export function answer(element, kind, ...children) {
  element.dataset.kind = kind;
  element.replaceChildren(...children.map((child) => (child instanceof Node ? child : String(child))));
}

/** Says something to whoever cannot see it. */
export function say(text) {
  find('said').textContent = text;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A step line of numbers over equal steps; decoration, since the number stands beside it. */
export function history(values) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 100 30');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'history');
  svg.setAttribute('aria-hidden', 'true');
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 1)];
  const x = (at) => (values.length < 2 ? 0 : (at / (values.length - 1)) * 100).toFixed(1);
  const y = (value) => (27 - ((value - low) / (high - low)) * 24).toFixed(1);
  let path = `M0 ${y(values[0])}`;
  values.forEach((value, at) => { path += `H${x(at)}V${y(value)}`; });
  if (values.length < 2) path += 'H100';
  const line = document.createElementNS(SVG, 'path');
  line.setAttribute('d', path);
  line.setAttribute('fill', 'none');
  line.setAttribute('stroke', 'currentColor');
  line.setAttribute('stroke-width', '1.8');
  line.setAttribute('vector-effect', 'non-scaling-stroke');
  svg.append(line);
  return svg;
}
