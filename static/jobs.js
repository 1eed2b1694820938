/**
 * The table of jobs, newest first: `<spool-jobs>` with all filters, or with `printer="…"` the queue of one. At most
 * so many rows as were loaded are in the page, however many jobs there are.
 */

import { actOnJob, actOnMany, bulkActions, jobActions, needsLogin } from './actions.js';
import { get, query } from './api.js';
import { bar, chip } from './chip.js';
import { button, h, keyed, setAttribute, setIcon, setText, show } from './dom.js';
import { openMenu } from './menu.js';
import { listen, model, unmasked } from './model.js';
import { sentence } from './notices.js';
import { setFilter, to } from './router.js';
import { localised } from './time.js';
import { count, isFinal, progress, statusOf, titleOf } from './words.js';

const PAGE_ROWS = 100;
/** A job that ends while it is watched stays in view for so long, though the filter no longer has it. */
const LINGERS_MS = 10_000;

/** The filters of the table: what the server is asked for, and whether a job that changed belongs. */
const VIEWS = {
    all: { label: 'All', status: '', has: () => true },
    active: { label: 'Active', status: 'active', has: (job) => !isFinal(job) },
    held: { label: 'Held', status: 'held', has: (job) => job.status === 'held' },
    failed: { label: 'Failed', status: 'failed', has: (job) => job.status === 'failed' },
};

const EMPTY = {
    all: 'No jobs. Drop a file on this page to print it.',
    active: 'Nothing waits and nothing prints.',
    held: 'No job is held.',
    failed: 'No job has failed.',
};

class Jobs extends HTMLElement {
    /** Rows by number, in no order; what is older than `#oldest` was not asked for. */
    #jobs = new Map();
    #oldest = Infinity;
    #cursor = null;
    #wanted = PAGE_ROWS;
    #known = new Map();
    #end = new AbortController();
    #loading = 0;
    #leaving = new Map();
    /** What changed while a list was under way, which may be older. */
    #meanwhile = null;

    /** Whether the printer is given, and not a filter. */
    get isQueue() {
        return this.hasAttribute('printer');
    }

    connectedCallback() {
        this.view = 'all';
        this.printer = this.getAttribute('printer') ?? '';
        this.words = '';
        this.build();
        listen('job', (changes) => this.changed(changes), this.#end.signal);
        listen('reset', () => this.load(), this.#end.signal);
        listen('printers', () => this.offerPrinters(), this.#end.signal);
        listen('session', () => this.update(), this.#end.signal);
    }

    disconnectedCallback() {
        this.#end.abort();
        for (const timer of this.#leaving.values()) clearTimeout(timer);
    }

    build() {
        this.tabs = Object.entries(VIEWS).map(([name, view]) =>
            h('button.tab', { type: 'button', 'data-view': name, onclick: () => this.filter({ view: name }) }, view.label));
        this.queue = h('select', { 'aria-label': 'Queue', onchange: () => this.filter({ printer: this.queue.value }) });
        this.search = h('input', { type: 'search', placeholder: 'Title or user', 'aria-label': 'Find among the rows shown by title or user',
            oninput: () => this.find() });
        this.bulk = button('All shown', 'dots', () => openMenu(this.bulk, bulkActions(this.found).map(([action, jobs]) => ({
            label: `${action.label}: ${count(jobs.length, 'job')}`, icon: action.icon, locked: !model.isAdmin(),
            run: () => actOnMany(jobs, action),
        }))), { quiet: true, title: 'Do something with all the jobs that the table shows', 'aria-haspopup': 'menu' });
        this.note = h('p.note', { role: 'status' });
        this.body = h('tbody', { role: 'rowgroup' });
        this.more = button('Load more', null, () => this.loadMore(), { quiet: true });
        const heads = ['Status', 'Job', 'User', 'Printer', 'Age', 'Actions'];
        const table = h('table.jobs', { role: 'table', 'aria-label': 'Jobs' },
            h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...heads.map((head) =>
                h('th', { role: 'columnheader', scope: 'col' }, head === 'Actions' ? h('span.sr', null, head) : head)))), this.body);
        this.append(h('header.section-head', null, h('h2', null, this.isQueue ? 'Its jobs' : 'Jobs'),
            h('div.tabs', { role: 'group', 'aria-label': 'Which jobs' }, ...this.tabs),
            this.isQueue ? null : this.queue, this.search, h('span.space'), this.bulk), table, this.note, this.more);
        show(this.more, false);
        this.offerPrinters();
    }

    /** Sets filters from the address. */
    set filters(parameters) {
        const view = parameters.get('status') ?? 'all';
        const before = [this.view, this.printer];
        this.view = view in VIEWS ? view : 'all';
        if (!this.isQueue) this.printer = parameters.get('printer') ?? '';
        this.words = (parameters.get('q') ?? '').toLowerCase();
        if (this.search.value.toLowerCase() !== this.words) this.search.value = parameters.get('q') ?? '';
        const same = before[0] === this.view && before[1] === this.printer;
        this.offerPrinters();
        if (same && this.#oldest !== Infinity) this.update();
        else this.load();
    }

    filter({ view = this.view, printer = this.printer }) {
        if (this.isQueue) printer = this.printer;
        this.view = view;
        this.printer = printer;
        setFilter({ status: view === 'all' ? '' : view, printer: this.isQueue ? '' : printer });
        this.load();
    }

    find() {
        this.words = this.search.value.trim().toLowerCase();
        setFilter({ q: this.search.value.trim() });
        this.update();
    }

    offerPrinters() {
        const known = model.queues();
        if (this.known !== known || this.extra !== this.printer) {
            this.known = known;
            this.extra = this.printer;
            const names = this.printer === '' || known.includes(this.printer) ? known : [...known, this.printer];
            this.queue.replaceChildren(h('option', { value: '' }, 'All printers'), ...names.map((name) => h('option', { value: name }, name)));
        }
        this.queue.value = this.printer;
        this.update();
    }

    /** The first page anew. */
    async load() {
        this.#wanted = PAGE_ROWS;
        await this.read(() => {
            this.#jobs.clear();
            this.#oldest = Infinity;
        }, null);
    }

    async loadMore() {
        this.#wanted += PAGE_ROWS;
        await this.read(() => {}, this.#cursor);
    }

    /** Reads pages from `cursor` on until as many rows are there as are wanted. */
    async read(begin, cursor) {
        const turn = ++this.#loading;
        this.#meanwhile = [];
        try {
            do {
                const page = await get(`/jobs${query({ status: VIEWS[this.view].status, printer: this.printer, limit: PAGE_ROWS, cursor })}`);
                if (turn !== this.#loading) return;
                begin();
                begin = () => {};
                for (const job of page.jobs) this.keep(unmasked(job));
                this.#cursor = cursor = page.next_cursor;
                const last = page.jobs.at(-1);
                this.#oldest = cursor === null ? 0 : Math.min(this.#oldest, last?.id ?? Infinity);
            } while (cursor !== null && this.#jobs.size < this.#wanted);
            this.refusal = null;
        } catch (problem) {
            if (turn !== this.#loading) return;
            if (!problem.isLost) this.refusal = sentence(problem.message);
        }
        const missed = this.#meanwhile;
        this.#meanwhile = null;
        for (const changes of missed) this.changed(changes);
        this.update();
    }

    /** The newer of what is known and what is told: a list may have been under way while an event came. */
    keep(job) {
        const known = this.#jobs.get(job.id);
        if (known === undefined || known.updated_at <= job.updated_at) this.#jobs.set(job.id, job);
    }

    changed(changes) {
        this.#meanwhile?.push(changes);
        for (const [id, job] of changes) {
            if (job.removed) {
                this.#jobs.delete(id);
            } else if (this.belongs(job)) {
                if (id >= this.#oldest || this.#jobs.has(id)) this.keep(job);
                this.stays(id);
            } else if (this.#jobs.has(id)) {
                this.keep(job);
                this.leave(id);
            }
        }
        this.trim();
        this.update();
    }

    belongs(job) {
        const here = this.printer === '' || job.printer === this.printer || job.assigned_printer === this.printer;
        return here && VIEWS[this.view].has(job);
    }

    leave(id) {
        if (this.#leaving.has(id)) return;
        this.#leaving.set(id, setTimeout(() => {
            this.#leaving.delete(id);
            this.#jobs.delete(id);
            this.update();
        }, LINGERS_MS));
    }

    stays(id) {
        clearTimeout(this.#leaving.get(id));
        this.#leaving.delete(id);
    }

    /** New jobs push the oldest rows out; «load more» then begins anew, since the cursor is behind those. */
    trim() {
        if (this.#jobs.size <= this.#wanted) return;
        const ids = [...this.#jobs.keys()].sort((a, b) => b - a);
        for (const id of ids.slice(this.#wanted)) this.#jobs.delete(id);
        this.#oldest = ids[this.#wanted - 1];
        this.#cursor = null;
    }

    update() {
        const rows = [...this.#jobs.values()].sort((a, b) => b.id - a.id);
        const found = this.words === '' ? rows : rows.filter((job) =>
            titleOf(job).toLowerCase().includes(this.words) || (job.user ?? '').toLowerCase().includes(this.words));
        this.found = found;
        keyed(this.body, this.#known, found, (job) => job.id, row);
        show(this.bulk, found.length > 1);
        for (const tab of this.tabs) setAttribute(tab, 'aria-pressed', tab.dataset.view === this.view ? 'true' : 'false');
        setText(this.note, this.#oldest === Infinity ? this.refusal ?? 'Loading…' : this.noteOf(rows.length, found.length));
        show(this.note, this.note.textContent !== '');
        show(this.more, this.#oldest !== Infinity && this.#oldest > 0);
    }

    noteOf(rows, found) {
        if (this.refusal) return this.refusal;
        if (rows === 0) return model.live.status === 'denied' ? 'Jobs are shown after a log-in.' : EMPTY[this.view];
        if (this.words !== '') return `${found} of the ${rows} rows that are loaded`;
        return '';
    }
}

customElements.define('spool-jobs', Jobs);

/** A row. On a narrow screen the style sheet makes a card of it, so the roles are named. */
function row() {
    const state = chip();
    const far = bar('progress');
    const title = h('a.title');
    const message = h('p.message');
    const user = h('td', { role: 'cell' });
    const printer = h('td.where', { role: 'cell' });
    const age = h('spool-time', { as: 'ago' });
    let job = null;
    const first = button('Cancel', 'cancel', () => {
        const [action] = shownFirst(job);
        if (action) actOnJob(job, action);
    }, { quiet: true });
    const more = button('More', 'dots', () => openMenu(more, [
        ...jobActions(job).map((action) => ({ ...action, locked: needsLogin(job, action), run: () => actOnJob(job, action) })),
        { label: 'Timeline', icon: 'clock', run: () => { location.hash = to('job', job.id); } },
    ]), { bare: true, quiet: true, 'aria-haspopup': 'menu' });
    const node = h('tr', { role: 'row' },
        h('td.state', { role: 'cell' }, state.node, far.node),
        h('td.what', { role: 'cell' }, title, message), user, printer,
        h('td.age', { role: 'cell' }, age),
        h('td.act', { role: 'cell' }, first, more));
    return {
        node,
        update(now) {
            if (now === job && model.session === this.session) return;
            job = now;
            this.session = model.session;
            setAttribute(node, 'data-job', job.id);
            setAttribute(node, 'data-status', job.status);
            state.update(statusOf(job.status));
            far.update(progress(job));
            setText(title, titleOf(job));
            setAttribute(title, 'href', to('job', job.id));
            setAttribute(title, 'title', `Job ${job.id}: ${titleOf(job)}`);
            setText(message, sentence(localised(job.message)));
            setAttribute(message, 'title', message.textContent);
            setText(user, job.user ?? '');
            const moved = job.assigned_printer && job.assigned_printer !== job.printer;
            setText(printer, moved ? `${job.printer} → ${job.assigned_printer}` : job.printer);
            setAttribute(printer, 'title', printer.textContent);
            setAttribute(age, 'at', job.created_at);
            offer(first, job);
            setAttribute(more, 'aria-label', `More for job ${job.id}`);
        },
    };
}

/** The action that has a button of its own, where one is likely to be wanted. */
function shownFirst(job) {
    const name = { held: 'release', failed: 'restart', completed: null, canceled: null }[job.status];
    return jobActions(job).filter((action) => action.name === (name === undefined ? 'cancel' : name));
}

function offer(node, job) {
    const [action] = shownFirst(job);
    node.classList.toggle('nothing', action === undefined);
    node.disabled = action === undefined;
    if (action === undefined) return;
    setText(node.lastChild, action.label);
    setIcon(node.firstChild, needsLogin(job, action) ? 'lock' : action.icon);
    setAttribute(node, 'data-action', action.name);
    setAttribute(node, 'aria-label', `${action.label}: ${titleOf(job)}`);
    setAttribute(node, 'title', needsLogin(job, action) ? `${action.label}: needs a log-in` : null);
}
