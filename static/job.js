/** One job: why it is where it is, what happens next and when, and all that has happened to it. */

import { actOnJob, jobActions, needsLogin } from './actions.js';
import { call, get, query } from './api.js';
import { bar, chip, facts } from './chip.js';
import { button, h, icon, setAttribute, setText, show } from './dom.js';
import { linkOf, listen, model, unmasked } from './model.js';
import { dialog, sentence } from './notices.js';
import { withoutTime } from './printers.js';
import { to } from './router.js';
import { localised } from './time.js';
import { bytes, isFinal, plain, progress, statusOf, titleOf } from './words.js';

/** The timeline is read again after a change, not oftener. */
const REFRESH_MS = 300;
const ENTRIES = 1000;

const SOURCES = { user: ['a person', 'person'], device: ['the printer', 'printer'], system: ['the spooler', 'gear'], remote: ['another server', 'pool'] };

/** Opens the dialog; `closed` hears of its end. */
export function openJob(id, closed) {
    const view = h('spool-job', { job: id });
    return dialog(`Job ${id}`, view, closed, { kind: 'large' });
}

class JobView extends HTMLElement {
    #end = new AbortController();
    #job = null;
    #shown = 0;
    #timer = null;

    connectedCallback() {
        this.id_ = Number(this.getAttribute('job'));
        this.state = chip();
        this.far = bar('progress');
        this.titleLine = h('h3');
        this.message = h('p.reason');
        this.next = h('spool-time', { as: 'next-try' });
        this.nextLine = h('p.next', null, this.next);
        this.acts = h('div.actions');
        this.facts = h('div');
        this.failure = h('p.failure', { role: 'alert', hidden: true });
        this.list = h('ol.timeline');
        this.append(this.titleLine, h('div.now', null, this.state.node, this.far.node, this.message, this.nextLine), this.failure,
            this.acts, h('section', null, h('h4', null, 'Timeline'), this.list), h('section', null, h('h4', null, 'Details'), this.facts));
        listen('job', (changes) => {
            const job = changes.get(this.id_);
            if (job) this.changed(job);
        }, this.#end.signal);
        listen('reset', () => this.load(), this.#end.signal);
        listen('session', () => this.load(), this.#end.signal);
        listen('printers', () => this.update(), this.#end.signal);
        this.load();
    }

    disconnectedCallback() {
        this.#end.abort();
        clearTimeout(this.#timer);
    }

    changed(job) {
        if (job.removed) {
            this.fail('this job is no longer kept');
            return;
        }
        this.#job = job;
        this.update();
        this.#timer ??= setTimeout(() => {
            this.#timer = null;
            this.load();
        }, REFRESH_MS);
    }

    /** The whole job, which knows how many go before it, and its timeline. */
    async load() {
        const link = model.isAdmin() ? null : linkOf(this.id_);
        try {
            const [job, timeline] = await Promise.all([
                call('GET', link ?? `/jobs/${this.id_}`),
                get(`/jobs/${this.id_}/events${query({ limit: ENTRIES })}`),
            ]);
            this.#job = unmasked(job);
            show(this.failure, false);
            this.entries(timeline.events);
            this.update();
        } catch (problem) {
            this.fail(problem.message);
        }
    }

    fail(words) {
        setText(this.failure, sentence(words));
        show(this.failure, true);
    }

    update() {
        const job = this.#job;
        if (job === null) return;
        setText(this.titleLine, titleOf(job));
        this.state.update(statusOf(job.status));
        setAttribute(this, 'data-status', job.status);
        this.far.update(progress(job));
        const at = nextTry(job);
        setText(this.message, `${sentence(localised(at === null ? job.message : withoutTime(job.message)))}.`);
        show(this.nextLine, at !== null);
        setAttribute(this.next, 'at', at);
        this.acting(job);
        const told = JSON.stringify([job, model.isAdmin()]);
        if (told !== this.told) this.facts.replaceChildren(details(job));
        this.told = told;
    }

    /** Buttons stay what they are as long as the same are offered, so that focus stays too. */
    acting(job) {
        const offered = jobActions(job);
        const key = offered.map((action) => action.name + needsLogin(job, action)).join();
        if (key === this.offered) return;
        this.offered = key;
        this.acts.replaceChildren(...offered.map((action) => button(action.label, needsLogin(job, action) ? 'lock' : action.icon,
            () => actOnJob(this.#job, action), { 'data-action': action.name, title: needsLogin(job, action) ? 'needs a log-in' : null })));
    }

    /** Entries never change, so only new ones are added. */
    entries(entries) {
        for (const entry of entries) {
            if (entry.seq <= this.#shown) continue;
            this.#shown = entry.seq;
            this.list.prepend(line(entry));
        }
    }
}

customElements.define('spool-job', JobView);

/** When its printer is tried next, for a job that waits for that. */
function nextTry(job) {
    if (isFinal(job) || job.status === 'held') return null;
    return model.printers?.get(job.assigned_printer ?? job.printer)?.next_try_at ?? null;
}

function line(entry) {
    const [who, picture] = SOURCES[entry.source] ?? [entry.source, 'gear'];
    const [word, , tone] = statusOf(entry.to);
    const moved = entry.from !== entry.to;
    return h(`li.${tone}`, { 'data-kind': entry.kind },
        h('span.marker', { title: `from ${who}` }, icon(picture), h('span.sr', null, `From ${who}: `)),
        h('div', null, h('p', null, sentence(localised(entry.message))),
            h('p.hint', null, h('spool-time', { at: entry.at, as: 'clock' }), ` · ${[
                moved ? word : null,
                entry.printer ? `at ${entry.printer}` : null,
                entry.attempt > 0 ? `attempt ${entry.attempt}` : null,
                who,
            ].filter(Boolean).join(' · ')}`,
            entry.next_at ? [' · next ', h('spool-time', { at: entry.next_at, as: 'clock' })] : [])));
}

function details(job) {
    const when = (at) => at && h('spool-time', { at, as: 'clock' });
    const printer = (name) => name && h('a', { href: model.pools.has(name) ? to('pool', name) : to('printer', name) }, name);
    const pages = job.pages && [job.pages.confirmed, job.pages.total].map((n) => n ?? '?').join(' of ');
    const documents = job.documents.map((id, n) => `${n > 0 ? ', ' : ''}${id}`).join('');
    return facts(
        ['Addressed to', printer(job.printer)],
        ['Printer', printer(job.assigned_printer)],
        ['User', job.user ?? 'hidden without a log-in'],
        ['Priority', String(job.priority)],
        ['Options', Object.entries(job.options).map(([name, value]) => `${plain(name)}: ${value}`).join(', ')],
        ['Size', `${bytes(job.bytes_total)}${isFinal(job) ? '' : `, ${bytes(job.bytes_sent)} sent`}`],
        ['Pages', pages],
        ['Documents', documents],
        ['Content', !(model.isAdmin() && job.documents.length > 0) ? null :
            h('a', { href: `/api/v1/jobs/${job.id}/document`, download: `job-${job.id}` }, 'download')],
        ['Attempts', String(job.attempts)],
        ['Number at the printer', job.device_job_id],
        ['Reasons', job.reasons.map(plain).join(', ')],
        ['Submitted', when(job.created_at)],
        ['Changed', when(job.updated_at)],
        ['Ended', when(job.finished_at)],
    );
}
