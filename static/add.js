/** Adding a printer by its address, and making and changing pools. */

import { call, get, post } from './api.js';
import { facts, supply } from './chip.js';
import { button, field, h, select, setText, show } from './dom.js';
import { inOrder, learnPrinterFrom, loadQueues, model } from './model.js';
import { ask, dialog, done, sentence } from './notices.js';
import { describedFacts } from './printer.js';
import { membersOf } from './printers.js';
import { close, to } from './router.js';
import { plain } from './words.js';

const POLICIES = [['least-completion-time', 'whoever is done first'], ['round-robin', 'in turn'], ['first-available', 'the first that is free']];

export function openAddPrinter(closed) {
    return dialog('Add a printer', h('spool-add'), closed);
}

class Add extends HTMLElement {
    connectedCallback() {
        this.uri = h('input', { name: 'uri', required: true, placeholder: 'ipp://10.0.0.20/ipp/print', autocomplete: 'off', spellcheck: 'false' });
        this.name_ = h('input', { name: 'name', required: true, autocomplete: 'off', spellcheck: 'false' });
        this.info = h('input', { name: 'info' });
        this.location_ = h('input', { name: 'location' });
        this.told = h('div.told', { role: 'status' });
        this.failure = h('p.failure', { role: 'alert', hidden: true });
        this.found = h('ul.found');
        const look = button('Ask it', 'search', () => this.look(), { 'data-action': 'describe' });
        const form = h('form', { novalidate: true }, this.found,
            field('Address', this.uri, 'socket://HOST:9100, ipp://HOST/ipp/print, file:DIRECTORY, or sim: to try things out'),
            h('div.actions.start', null, look), this.told,
            h('div.grid', null, field('Name', this.name_, 'letters, digits, dots and dashes'), field('Description', this.info), field('Location', this.location_)),
            h('label.check', null, h('input', { type: 'checkbox', name: 'share' }), h('span', null, 'Offer it to the network')),
            this.failure, h('div.actions', null, button('Never mind', null, close, { quiet: true }),
                h('button.button.primary', { type: 'submit' }, 'Add')));
        form.addEventListener('submit', (event) => {
            event.preventDefault();
            this.add(new FormData(form));
        });
        this.append(form);
        this.discover();
    }

    async discover() {
        if (!model.isAdmin()) return;
        try {
            const { devices } = await get('/discover');
            const fresh = devices.filter((device) => !device.printer);
            if (fresh.length === 0) return;
            this.found.append(...fresh.map((device) => h('li', null, h('span', null, device.model || device.name || device.uri),
                h('span.hint', null, device.uri), button('Use', 'plus', () => {
                    this.uri.value = device.uri;
                    this.name_.value ||= nameFrom(device.name || device.model || '');
                    this.look();
                }, { quiet: true }))));
        } catch {
            // What cannot be looked for can still be typed.
        }
    }

    async look() {
        show(this.failure, false);
        setText(this.told, 'Asking it…');
        try {
            const answer = await post('/printers/describe', { uri: this.uri.value.trim() });
            const said = answer.description ?? {};
            this.told.replaceChildren(h(`p.${answer.reachable ? 'good' : 'warn'}`, null, `${sentence(answer.message)}.`),
                facts(['Model', answer.model], ['Reasons', (said.reasons ?? []).map(plain).join(', ')], ...describedFacts(said)),
                h('ul.supplies', null, ...(answer.supplies ?? []).map(supply)));
            this.name_.value ||= nameFrom(answer.model ?? '');
            this.info.value ||= said.info || answer.model || '';
            this.location_.value ||= said.location || '';
        } catch (problem) {
            this.told.replaceChildren();
            this.fail(problem);
        }
    }

    async add(data) {
        const wanted = { name: data.get('name').trim(), uri: data.get('uri').trim(), share: data.has('share') };
        for (const key of ['info', 'location']) if (data.get(key).trim() !== '') wanted[key] = data.get(key).trim();
        try {
            const printer = await learnPrinterFrom(post('/printers', wanted));
            close();
            location.hash = to('printer', printer.name);
            done(`${printer.name} is added.`);
        } catch (problem) {
            this.fail(problem);
        }
    }

    fail(problem) {
        setText(this.failure, sentence(problem.message));
        show(this.failure, true);
    }
}

customElements.define('spool-add', Add);

/** A model as a name: `HP LaserJet 400` becomes `hp-laserjet-400`. */
const nameFrom = (words) => words.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40);

/** Makes a pool, or changes the one that is named. */
export async function askPool(name, closed) {
    const pool = name === null ? null : model.pools.get(name);
    if (pool === undefined) {
        closed();
        return;
    }
    const fixed = pool !== null && pool.origin === 'file';
    const members = pool === null ? [] : membersOf(pool);
    const known = [...(model.printers?.keys() ?? [])].sort(inOrder);
    const boxes = known.map((printer) => h('label.check', null,
        h('input', { type: 'checkbox', name: 'members', value: printer, checked: members.includes(printer), disabled: fixed }), h('span', null, printer)));
    const choose = select('policy', POLICIES, pool?.policy ?? 'least-completion-time');
    choose.disabled = fixed;
    const result = await ask({
        title: pool === null ? 'Add a pool' : `Pool ${pool.name}`,
        submit: fixed ? 'Close' : pool === null ? 'Add' : 'Save',
        body: [
            fixed && h('p.hint', null, 'It is set in the server’s configuration file, and changed there.'),
            pool === null && field('Name', h('input', { name: 'name', required: true, autocomplete: 'off' })),
            h('fieldset', null, h('legend', null, 'Members'), ...boxes),
            field('Who gets the next job', choose),
            pool !== null && !fixed && h('div.actions.start', null,
                button('Remove this pool', 'cancel', (event) => removePool(pool, event.currentTarget), { danger: true })),
        ],
        run: async (values, form) => {
            if (fixed) return null;
            // Their order may matter to the policy: who is a member keeps his place.
            const chosen = new FormData(form).getAll('members');
            const kept = members.filter((member) => chosen.includes(member));
            const wanted = { members: [...kept, ...chosen.filter((member) => !kept.includes(member))], policy: values.policy };
            const now = pool === null ? await post('/pools', { name: values.name.trim(), ...wanted })
                : await call('PATCH', `/pools/${encodeURIComponent(pool.name)}`, wanted);
            await loadQueues();
            return now;
        },
    });
    if (result) done(`${result.name} is ${pool === null ? 'added' : 'changed'}.`);
    closed();
}

/** The second click does it. */
async function removePool(pool, clicked) {
    if (clicked.dataset.asked === undefined) {
        clicked.dataset.asked = '';
        setText(clicked.lastChild, 'Remove it, really');
        return;
    }
    try {
        await call('DELETE', `/pools/${encodeURIComponent(pool.name)}`);
        await loadQueues();
        clicked.closest('dialog').close();
        done(`${pool.name} is removed.`);
    } catch (problem) {
        const failure = clicked.closest('form').querySelector('.failure');
        setText(failure, sentence(problem.message));
        show(failure, true);
    }
}
