/** Notices at the edge of the page, and small dialogs that ask something. */

import { button, h, icon, setAttribute } from './dom.js';

const STAYS_MS = 8000;
const NOTICES_MAX = 4;

class Notices extends HTMLElement {
    connectedCallback() {
        setAttribute(this, 'role', 'status');
        setAttribute(this, 'aria-live', 'polite');
    }

    add(tone, picture, words, action) {
        // All but the uppermost dialog is out of reach while one is open.
        const dialogs = document.querySelectorAll('dialog[open]');
        const home = dialogs[dialogs.length - 1] ?? document.body;
        if (this.parentNode !== home) home.append(this);
        const notice = h(`div.notice.${tone}`, null, icon(picture), h('p', null, words));
        const remove = () => notice.remove();
        if (action) notice.append(button(action.label, null, () => { remove(); action.run(); }, { quiet: true }));
        notice.append(button('Dismiss', 'close', remove, { bare: true, quiet: true }));
        this.append(notice);
        while (this.childElementCount > NOTICES_MAX) this.firstChild.remove();
        if (tone !== 'bad') setTimeout(remove, STAYS_MS);
    }
}

customElements.define('spool-notices', Notices);

const notices = () => document.querySelector('spool-notices');

/** Something went well. `action` is `{ label, run }`. */
export function done(words, action) {
    notices().add('good', 'check', words, action);
}

/** Something did not: in the server's sentence. */
export function problem(what, action) {
    const words = what instanceof Error ? what.message : what;
    notices().add('bad', 'alert', sentence(words), action);
}

/** The server's sentences begin small, as they also stand behind a colon. */
export function sentence(words) {
    return words === '' ? words : words[0].toUpperCase() + words.slice(1);
}

/** A dialog with a head and a way out. `closed` hears of its end. Notices must not vanish with it. */
export function dialog(title, content, closed, extra = {}) {
    const heading = h('h2', { id: `title-${++dialogs}`, tabindex: -1, autofocus: true }, title);
    const node = h(`dialog.${extra.kind ?? 'small'}`, { 'aria-labelledby': heading.id },
        h('header.dialog-head', null, heading, button('Close', 'close', () => node.close(), { bare: true, quiet: true })),
        content);
    node.addEventListener('click', (event) => {
        if (event.target === node) node.close();
    });
    node.addEventListener('close', () => {
        if (notices().parentNode === node) document.body.append(notices());
        node.remove();
        closed?.();
    });
    document.body.append(node);
    node.showModal();
    return node;
}

let dialogs = 0;

/**
 * Asks by a form. `run(values, form)` carries it out; what it throws is shown in the form, which stays open. Gives what
 * `run` gave, or null where it was given up.
 */
export function ask({ title, body, submit, danger = false, run }) {
    return new Promise((resolve) => {
        let result = null;
        const failure = h('p.failure', { role: 'alert', hidden: true });
        const send = h(danger ? 'button.button.danger' : 'button.button.primary', { type: 'submit' }, submit);
        const form = h('form', { method: 'dialog', novalidate: true }, ...body, failure, h('div.actions', null,
            button('Never mind', null, () => node.close(), { quiet: true }), send));
        form.addEventListener('submit', async (event) => {
            event.preventDefault();
            send.disabled = true;
            try {
                result = await run(Object.fromEntries(new FormData(form)), form);
                node.close();
            } catch (error) {
                failure.textContent = sentence(error.message);
                failure.hidden = false;
            } finally {
                send.disabled = false;
            }
        });
        const node = dialog(title, form, () => resolve(result));
        form.querySelector('input:not([hidden]), select')?.focus();
    });
}
