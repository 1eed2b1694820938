/** One menu for all rows and cards: a click opens it beside the button that was clicked. */

import { h, icon } from './dom.js';

let menu = null;

/** `items` are `{ label, icon, locked, run }`. */
export function openMenu(opener, items) {
    menu?.remove();
    const rows = items.map((item) => h('button.menu-item', {
        type: 'button', role: 'menuitem',
        onclick: () => { close(opener); item.run(); },
    }, icon(item.icon), h('span', null, item.label), item.locked ? icon('lock') : null,
    item.locked ? h('span.sr', null, '(needs a log-in)') : null));
    menu = h('div.menu', { popover: 'auto', role: 'menu' }, ...rows);
    menu.addEventListener('keydown', (event) => move(event, rows, opener));
    menu.addEventListener('toggle', (event) => {
        if (event.newState === 'closed') event.target.remove();
    });
    document.body.append(menu);
    menu.showPopover();
    place(menu, opener.getBoundingClientRect());
    rows[0]?.focus();
}

function close(opener) {
    menu.hidePopover();
    opener.focus();
}

function place(node, beside) {
    const { width, height } = node.getBoundingClientRect();
    const below = beside.bottom + 4 + height <= innerHeight;
    node.style.left = `${Math.max(8, Math.min(beside.right - width, innerWidth - width - 8))}px`;
    node.style.top = `${Math.max(8, below ? beside.bottom + 4 : beside.top - height - 4)}px`;
}

function move(event, rows, opener) {
    const at = rows.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
        event.preventDefault();
        rows[(to + rows.length) % rows.length].focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
        close(opener);
    }
}
