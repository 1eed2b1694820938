/** Small parts that several views share: the state of something in word, picture and colour; bars. */

import { h, icon, setAttribute, setIcon, setText } from './dom.js';

/** A chip; `update([word, picture, tone])`. */
export function chip() {
    const picture = icon('clock');
    const word = h('span');
    const node = h('span.chip', null, picture, word);
    return {
        node,
        update([text, name, tone]) {
            setText(word, text);
            setIcon(picture, name);
            const classes = `chip ${tone}`;
            if (node.className !== classes) node.className = classes;
        },
    };
}

/** How far something is; `update(0 to 1, or null)`. Its room is kept while there is nothing to show. */
export function bar(label) {
    const node = h('progress.bar', { max: 100, 'aria-label': label });
    return {
        node,
        update(part) {
            node.classList.toggle('empty', part === null);
            setAttribute(node, 'aria-hidden', part === null ? 'true' : null);
            const value = Math.round((part ?? 0) * 100);
            if (node.value !== value) node.value = value;
        },
    };
}

/** From here on a supply is shown as low. */
const LOW_PERCENT = 15;

/** Toner, ink and the like as the printer tells it. */
export function supply(one) {
    const { name, percent, color } = one;
    const known = percent !== null && percent !== undefined;
    const left = h('progress', { max: 100, value: percent ?? 0, 'aria-label': name });
    left.classList.toggle('low', known && percent <= LOW_PERCENT);
    const dot = h('span.dot', { 'aria-hidden': 'true' });
    // The colour is the printer's own word: only a colour is taken.
    if (/^#[0-9a-f]{6}$/i.test(color ?? '')) dot.style.backgroundColor = color;
    return h('li.supply', { title: name }, dot, h('span.supply-name', null, name), known ? left : null,
        h('span.supply-part', null, known ? `${percent} %` : 'not known'));
}

/** A list of names and values; what is empty is left out. */
export function facts(...rows) {
    const list = h('dl.facts');
    for (const [name, value] of rows) {
        if (value === null || value === undefined || value === '' || value === false) continue;
        list.append(h('div', null, h('dt', null, name), h('dd', null, value)));
    }
    return list;
}
