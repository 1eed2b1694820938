/** Printers and pools as cards. */

import { actOnPool, actOnPrinter, poolAction, printerActions } from './actions.js';
import { bar, chip, supply } from './chip.js';
import { button, h, icon, keyed, setAttribute, setIcon, setText, show } from './dom.js';
import { needAdmin } from './login.js';
import { openMenu } from './menu.js';
import { inOrder, listen, model } from './model.js';
import { sentence } from './notices.js';
import { to } from './router.js';
import { localised } from './time.js';
import { count, plain, printerState, progress, titleOf } from './words.js';

/** So many cards are shown at first; the rest after a search or a click. */
const CARDS = 60;

const SEARCH_FROM = 9;

class Printers extends HTMLElement {
    #known = new Map();
    #end = new AbortController();
    #most = CARDS;
    #search = '';

    connectedCallback() {
        this.search = h('input', { type: 'search', placeholder: 'Find a printer', 'aria-label': 'Find a printer', oninput: () => {
            this.#search = this.search.value.trim().toLowerCase();
            this.update();
        } });
        this.grid = h('div.cards');
        this.note = h('p.note');
        this.more = button('Show all', null, () => { this.#most = Infinity; this.update(); }, { quiet: true });
        const add = (what, label) => button(label, 'plus', async () => {
            if (await needAdmin(`Adding a ${what}`)) location.hash = `#/add/${what}`;
        }, { quiet: true, title: `Add a ${what}`, 'aria-label': `Add a ${what}` });
        this.append(h('header.section-head', null, h('h2', null, 'Printers'), this.search, h('span.space'),
            add('printer', 'Printer'), add('pool', 'Pool')), this.note, this.grid, this.more);
        listen('printers', () => this.update(), this.#end.signal);
        listen('session', () => this.update(), this.#end.signal);
        this.update();
    }

    disconnectedCallback() {
        this.#end.abort();
    }

    update() {
        const { printers, pools, refusal } = model;
        setText(this.note, refusal ? sentence(refusal.message) : printers === null ? 'Loading…' : printers.size === 0 ? 'There is no printer yet.' : '');
        show(this.note, this.note.textContent !== '');
        const all = [...pools.values()].map((pool) => ({ pool, name: pool.name }))
            .concat([...(printers?.values() ?? [])].map((printer) => ({ printer, name: printer.name })));
        show(this.search, all.length >= SEARCH_FROM);
        const found = all.filter((one) => one.name.toLowerCase().includes(this.#search) ||
            (one.printer?.location ?? '').toLowerCase().includes(this.#search));
        // By name and nothing else: cards that change places while one aims at them help nobody.
        found.sort((a, b) => Boolean(b.pool) - Boolean(a.pool) || inOrder(a.name, b.name));
        keyed(this.grid, this.#known, found.slice(0, this.#most), (one) => (one.pool ? 'pool ' : '') + one.name,
            (one) => (one.pool ? poolCard() : printerCard()));
        show(this.more, found.length > this.#most);
        setText(this.more.lastChild, `Show all ${found.length}`);
    }
}

customElements.define('spool-printers', Printers);

function printerCard() {
    const name = h('a');
    const state = chip();
    const info = h('p.info');
    const message = h('span.message');
    const next = h('spool-time', { as: 'next-try' });
    const nextLine = h('span.next', null, ' ', next);
    const job = h('a.job-link');
    const far = bar('progress');
    const why = h('p.why', null, message, nextLine);
    const current = h('div.current', null, job, far.node);
    const supplies = h('ul.supplies');
    const queue = h('a.queue');
    const closed = noJobs();
    let shownSupplies = '';
    let printer = null;
    const main = button('Pause', 'pause', () => {
        const [first] = printerActions(printer);
        actOnPrinter(printer, first);
    }, { quiet: true });
    const more = button('More', 'dots', () => openMenu(more, [
        ...printerActions(printer).slice(1).map((action) => ({ ...action, locked: !model.isAdmin(), run: () => actOnPrinter(printer, action) })),
        { label: 'Settings and queue', icon: 'gear', run: () => { location.hash = to('printer', printer.name); } },
    ]), { bare: true, quiet: true, 'aria-haspopup': 'menu' });
    const node = h('article.card', null,
        h('header', null, h('h3', null, name), closed, state.node), info,
        h('div.now-there', null, why, current), supplies,
        h('footer', null, queue, h('span.space'), main, more));
    return {
        node,
        update(now) {
            printer = now.printer;
            setAttribute(node, 'data-printer', printer.name);
            setText(name, printer.name);
            setAttribute(name, 'href', to('printer', printer.name));
            const shown = printerState(printer);
            state.update(shown);
            setAttribute(node, 'data-tone', shown[2]);
            setText(info, [printer.info || printer.model, printer.location, poolsOf(printer)].filter(Boolean).join(' · '));
            const running = model.running.get(printer.job);
            // What it does says the job itself.
            show(why, !running || printer.state !== 'processing');
            show(current, Boolean(printer.job));
            // The time of the next try stands beside it, counting down.
            setText(message, `${sentence(localised(withoutTime(printer.message)))}.`);
            setAttribute(message, 'title', message.textContent);
            show(nextLine, Boolean(printer.next_try_at));
            setAttribute(next, 'at', printer.next_try_at);
            setText(job, running ? titleOf(running) : printer.job ? `Job ${printer.job}` : '');
            setAttribute(job, 'href', printer.job ? to('job', printer.job) : null);
            far.update(running ? progress(running) : null);
            const told = JSON.stringify(printer.supplies ?? []);
            if (told !== shownSupplies) {
                shownSupplies = told;
                supplies.replaceChildren(...(printer.supplies ?? []).map(supply));
                show(supplies, supplies.childElementCount > 0);
            }
            setText(queue, queueWords(printer));
            setAttribute(queue, 'href', `#/?printer=${encodeURIComponent(printer.name)}`);
            show(closed, !printer.accepting);
            const [first] = printerActions(printer);
            setText(main.lastChild, first.label);
            setIcon(main.firstChild, first.icon);
            setAttribute(main, 'title', model.isAdmin() ? null : `${first.label}: needs a log-in`);
            setAttribute(more, 'aria-label', `More for ${printer.name}`);
        },
    };
}

/** The sentence without the time of the next try at its end. */
export const withoutTime = (message) => (message ?? '').replace(/; (?:it is )?tried again at [^;]*$/, '');

function queueWords({ queued_jobs: jobs, held_jobs: held }) {
    const words = jobs === 0 ? 'No jobs' : count(jobs, 'job');
    return held > 0 ? `${words}, ${held} held` : words;
}

function poolsOf(printer) {
    const names = [...model.pools.values()].filter((pool) => membersOf(pool).includes(printer.name)).map((pool) => pool.name);
    return names.length === 0 ? '' : `in ${names.join(', ')}`;
}

export const membersOf = (pool) => (pool.members ?? []).map((member) => member.name ?? member);

function poolCard() {
    const name = h('a');
    const info = h('p.info');
    const members = h('ul.members');
    const message = h('p.message');
    const queue = h('a.queue');
    const known = new Map();
    let pool = null;
    const closed = noJobs();
    const edit = button('Edit', 'gear', () => { location.hash = to('pool', pool.name); }, { quiet: true });
    const more = button('More', 'dots', () => {
        const action = poolAction(pool);
        openMenu(more, [{ ...action, locked: !model.isAdmin(), run: () => actOnPool(pool, action) }]);
    }, { bare: true, quiet: true, 'aria-haspopup': 'menu' });
    const node = h('article.card.pool', null,
        h('header', null, h('h3', null, name), closed, h('span.chip.calm', null, icon('pool'), h('span', null, 'Pool'))),
        info, h('div.now-there', null, message), members, h('footer', null, queue, h('span.space'), edit, more));
    return {
        node,
        update(now) {
            pool = now.pool;
            setAttribute(node, 'data-pool', pool.name);
            setText(name, pool.name);
            setAttribute(name, 'href', to('pool', pool.name));
            setText(info, plain(pool.policy));
            setText(message, poolMessage(pool));
            show(closed, pool.accepting === false);
            setAttribute(more, 'aria-label', `More for ${pool.name}`);
            keyed(members, known, membersOf(pool), (member) => member, memberChip);
            setText(queue, queueWords({ queued_jobs: pool.queued_jobs ?? 0, held_jobs: pool.held_jobs ?? 0 }));
            setAttribute(queue, 'href', `#/?printer=${encodeURIComponent(pool.name)}`);
        },
    };
}

const noJobs = () => h('span.chip.warn', null, icon('stop'), h('span', null, 'Takes no jobs'));

/** Made from the members, which are told of as they change. */
function poolMessage(pool) {
    const states = membersOf(pool).map((name) => model.printers?.get(name)).filter(Boolean).map((printer) => printerState(printer)[2]);
    const able = states.filter((tone) => tone === 'good' || tone === 'busy').length;
    return able === 0 ? 'No member can print just now; its jobs go on as soon as one can.' : `${able} of ${states.length} members can print.`;
}

function memberChip(first) {
    const state = chip();
    const node = h('li', null, h('a', { href: to('printer', first) }, state.node));
    return {
        node,
        update(member) {
            const printer = model.printers?.get(member);
            const [word, picture, tone] = printer ? printerState(printer) : ['not known', 'alert', 'bad'];
            state.update([`${member}: ${word.toLowerCase()}`, picture, tone]);
        },
    };
}
