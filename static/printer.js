/** One printer: what it is and has, how it is set, its queue. */

import { actOnPrinter, printerActions, tried } from './actions.js';
import { call } from './api.js';
import { chip, facts, supply } from './chip.js';
import { button, field, h, select, setAttribute, setText, show } from './dom.js';
import { needAdmin } from './login.js';
import { learnPrinter, listen, loadQueues, model } from './model.js';
import { ask, done, sentence } from './notices.js';
import { membersOf, withoutTime } from './printers.js';
import { to } from './router.js';
import { localised } from './time.js';
import { plain, printerState } from './words.js';

/** What can be set, as `spool.toml` names it: `[key, label, choices or kind, hint]`. */
const SETTINGS = [
    ['uri', 'Address', 'text', 'socket://10.0.0.20:9100, ipp://…, file:…'],
    ['info', 'Description', 'text'],
    ['location', 'Location', 'text'],
    ['format', 'Format it is sent', 'text', 'auto, or a media type such as application/pdf'],
    ['mac', 'Hardware address', 'text', 'for Wake-on-LAN, such as 00:11:22:33:44:55'],
    ['reroute', 'When it cannot print', 'text', 'pool, never, or the name of another queue'],
    ['when_in_doubt', 'When a job may have printed', ['print-again', 'hold', 'continue']],
    ['cancel_printing', 'Canceling a job that prints', ['auto', 'refuse']],
    ['scheduling', 'Who keeps the order', ['server', 'device']],
    ['closes', 'It closes the connection at the end', ['auto', 'yes', 'no']],
    ['stream', 'Printing while a document arrives', ['never', 'large']],
    ['shared', 'Offered to the network', 'flag'],
];

class PrinterView extends HTMLElement {
    #end = new AbortController();
    #printer = null;

    connectedCallback() {
        const name = this.getAttribute('name');
        this.heading = h('h1', null, name);
        this.state = chip();
        this.message = h('p.reason');
        this.next = h('spool-time', { as: 'next-try' });
        this.nextLine = h('p.next', null, this.next);
        this.acts = h('div.actions');
        this.about = h('div');
        this.settings = h('div');
        const back = h('a.back', { href: '#/' }, '← Overview');
        this.now = h('div.now', null, this.state.node, this.message, this.nextLine);
        this.panels = h('div.panels', null,
            h('section.panel', null, h('h2', null, 'What it is'), this.about),
            h('section.panel', null, h('h2', null, 'Settings'), this.settings));
        this.gone = h('p.note', { hidden: true });
        this.append(back, this.heading, this.gone, this.now, this.acts, this.panels);
        this.jobs = h('spool-jobs', { printer: name });
        this.append(this.jobs);
        listen('printers', () => this.update(), this.#end.signal);
        listen('session', () => this.update(), this.#end.signal);
        this.update();
    }

    disconnectedCallback() {
        this.#end.abort();
    }

    set filters(parameters) {
        this.jobs.filters = parameters;
    }

    update() {
        const name = this.getAttribute('name');
        const printer = model.printers?.get(name) ?? null;
        const known = printer !== null;
        for (const part of [this.now, this.acts, this.panels]) show(part, known);
        show(this.gone, !known);
        setText(this.gone, model.printers === null ? 'Loading…' : `There is no printer named ${name}.`);
        if (!known) return;
        this.#printer = printer;
        this.state.update(printerState(printer));
        setText(this.message, `${sentence(localised(withoutTime(printer.message)))}.`);
        show(this.nextLine, Boolean(printer.next_try_at));
        setAttribute(this.next, 'at', printer.next_try_at);
        this.acting(printer);
        const told = JSON.stringify([printer, model.isAdmin()]);
        if (told === this.told) return;
        this.told = told;
        this.about.replaceChildren(...about(printer));
        // Whoever is typing is not disturbed by news of the printer.
        if (!this.settings.contains(document.activeElement)) this.settings.replaceChildren(settings(printer));
    }

    acting(printer) {
        const offered = printerActions(printer);
        const key = offered.map((action) => action.name).join() + model.isAdmin();
        if (key === this.offered) return;
        this.offered = key;
        this.acts.replaceChildren(...offered.map((action) => button(action.label, model.isAdmin() ? action.icon : 'lock',
            () => actOnPrinter(this.#printer, action), { 'data-action': action.name, title: model.isAdmin() ? null : 'needs a log-in' })));
        if (printer.origin === 'api') {
            this.acts.append(button('Remove…', model.isAdmin() ? 'cancel' : 'lock', () => remove(this.#printer), { danger: true }));
        }
    }
}

customElements.define('spool-printer', PrinterView);

function about(printer) {
    const pools = [...model.pools.values()].filter((pool) => membersOf(pool).includes(printer.name));
    const list = facts(
        ['Model', printer.model],
        ['Description', printer.info],
        ['Location', printer.location],
        ['Address', printer.uri],
        ['Jobs', `${printer.queued_jobs} waiting or printing, ${printer.held_jobs} held`],
        ['New jobs', printer.accepting ? 'accepted' : 'refused'],
        ['Reasons', (printer.reasons ?? []).map(plain).join(', ')],
        ['Pools', pools.length > 0 && h('span', null, ...pools.map((pool) => h('a', { href: to('pool', pool.name) }, `${pool.name} `)))],
        ...describedFacts(printer.description ?? printer),
    );
    const supplies = (printer.supplies ?? []).map(supply);
    return [list, supplies.length > 0 && h('ul.supplies', null, ...supplies)].filter(Boolean);
}

/** What a device says of itself, as far as it says anything. */
export function describedFacts(description) {
    const list = (values) => (values ?? []).map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', ');
    const color = { true: 'yes', false: 'no' }[description.color];
    return [
        ['Formats', list(description.formats)],
        ['Paper loaded', list(description.media_ready)],
        ['Paper it takes', list(description.media)],
        ['Sides', list(description.sides)],
        ['Colour', color],
        ['Pages a minute', description.pages_per_minute],
    ];
}

function settings(printer) {
    if (printer.origin !== 'api') {
        const where = printer.origin === 'file' ? 'It is set in the server’s configuration file, and changed there.'
            : 'It was made by the server itself, as none was configured.';
        return h('div', null, h('p.hint', null, where),
            facts(...SETTINGS.slice(3).map(([key, label]) => [label, shown(printer[key])]), ['Defaults', optionsText(printer.options)]));
    }
    const form = h('form.settings', null, ...SETTINGS.map((setting) => control(setting, printer)),
        field('Default options', h('input', { name: 'options', value: optionsText(printer.options) }), 'such as sides=one-sided media=iso_a4_210x297mm'),
        h('div.actions', null, h('button.button.primary', { type: 'submit' }, 'Save')));
    form.addEventListener('submit', async (event) => {
        event.preventDefault();
        if (!await needAdmin('Changing a printer')) return;
        const wanted = changes(new FormData(form), printer);
        await tried(async () => {
            learnPrinter(await call('PATCH', `/printers/${encodeURIComponent(printer.name)}`, wanted));
            document.activeElement.blur();
            done(`${printer.name} is changed.`);
        });
    });
    return form;
}

const shown = (value) => ({ true: 'yes', false: 'no' })[value] ?? value;

function control([key, label, kind, hint], printer) {
    const value = printer[key] ?? '';
    if (Array.isArray(kind)) return field(label, select(key, kind.map((word) => [word, plain(word)]), value), hint);
    if (kind === 'flag') return field(label, select(key, [['true', 'yes'], ['false', 'no']], String(value)), hint);
    return field(label, h('input', { name: key, value }), hint);
}

const optionsText = (options) => Object.entries(options ?? {}).map(([name, value]) => `${name}=${value}`).join(' ');

/** Only what differs is sent, so that two people who change different things do not undo each other. */
function changes(data, printer) {
    const wanted = {};
    for (const [key, , kind] of SETTINGS) {
        const text = data.get(key).trim();
        const value = kind === 'flag' ? text === 'true' : key === 'mac' && text === '' ? null : text;
        // What it is set by is called «share», what it then is, «shared».
        if (value !== (printer[key] ?? (key === 'mac' ? null : ''))) wanted[key === 'shared' ? 'share' : key] = value;
    }
    const options = data.get('options').trim();
    if (options !== optionsText(printer.options)) {
        wanted.options = Object.fromEntries(options.split(/\s+/).filter(Boolean).map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
    }
    return wanted;
}

async function remove(printer) {
    if (!await needAdmin('Removing a printer')) return;
    const gone = await ask({
        title: `Remove ${printer.name}?`,
        submit: 'Remove',
        danger: true,
        body: [h('p', null, 'The server will no longer know it. A printer that still has jobs is not removed.')],
        run: async () => {
            await call('DELETE', `/printers/${encodeURIComponent(printer.name)}`);
            return true;
        },
    });
    if (!gone) return;
    await loadQueues();
    location.hash = '#/';
    done(`${printer.name} is removed.`);
}
