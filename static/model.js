/**
 * What the page knows of the server, kept right by its events. Whoever shows something listens here; changes are
 * collected and told once a frame, the last of each thing, however many there were.
 */

import { get, query } from './api.js';
import { Live } from './live.js';
import { RUNNING_STATUSES, isRunning } from './words.js';

const PAGE_ROWS = 1000;
/** Queue lengths come with printers, not with jobs: after a change of jobs the printers are read again, not oftener. */
const REFRESH_MS = 1000;
/** Above so many changed queues the whole list is read instead of each. */
const SINGLE_READS = 4;

export const model = {
    session: { role: 'none', who: null, expires_at: null },
    server: { name: '', ready: true, reason: null },
    /** Printers by name; null until they are known. */
    printers: null,
    pools: new Map(),
    /** Why there are no printers to show, where the server refuses. */
    refusal: null,
    /** Jobs that printers have, by number. */
    running: new Map(),
    live: null,
    isAdmin: () => model.session.role === 'admin',
    queue: (name) => model.printers?.get(name) ?? model.pools.get(name),
    /** The names of all pools and printers, in order. */
    queues() {
        names ??= [...model.pools.keys(), ...(model.printers?.keys() ?? [])].sort(inOrder);
        return names;
    },
};

/** `printer-2` before `printer-10`. */
export const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;

/** Kept, since thousands of names take their time. */
let names = null;

const listeners = new Map();
let pending = new Map();
let frame = null;

/** Calls `hear(changes)` at most once a frame; `changes` maps what changed to what it is now. Ends with the signal. */
export function listen(topic, hear, signal) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(hear);
    signal?.addEventListener('abort', () => listeners.get(topic).delete(hear));
}

/** Topics: `job`, `printers`, `session`, `live`, `reset`. */
export function tell(topic, key = '', value = null) {
    if (!pending.has(topic)) pending.set(topic, new Map());
    pending.get(topic).set(key, value);
    frame ??= requestAnimationFrame(flush);
}

function flush() {
    const told = pending;
    pending = new Map();
    frame = null;
    for (const [topic, changes] of told) {
        for (const hear of [...(listeners.get(topic) ?? [])]) hear(changes);
    }
}

/** The links by which whoever submitted a job here may steer it without a log-in; they end with the tab. */
const LINKS = 'spool-links';
const links = new Map(storedLinks());
const LINKS_MAX = 200;

export function keepLink(job) {
    if (!job.control_url) return;
    links.set(job.id, { url: job.control_url.replace('/api/v1', ''), title: job.title, user: job.user });
    if (links.size > LINKS_MAX) links.delete(links.keys().next().value);
    try {
        sessionStorage.setItem(LINKS, JSON.stringify([...links]));
    } catch {
        // A browser that keeps nothing forgets them with the page.
    }
}

function storedLinks() {
    try {
        return JSON.parse(sessionStorage.getItem(LINKS) ?? '[]');
    } catch {
        return [];
    }
}

export const linkOf = (id) => links.get(id)?.url ?? null;

/** Somebody without a log-in still knows the titles of what he has sent from here. */
export function unmasked(job) {
    const own = links.get(job.id);
    return own && job.title === null ? { ...job, title: own.title, user: own.user } : job;
}

/** A job as the server has just told it. */
export function learn(job) {
    if (job.removed) {
        model.running.delete(job.id);
        tell('job', job.id, job);
        return;
    }
    const known = unmasked(job);
    const before = model.running.get(job.id);
    if (isRunning(known)) model.running.set(job.id, known);
    else model.running.delete(job.id);
    if (before?.status !== known.status) {
        stale.add(known.printer);
        if (known.assigned_printer) stale.add(known.assigned_printer);
        if (before?.assigned_printer) stale.add(before.assigned_printer);
        refreshSoon();
    }
    tell('job', job.id, known);
    tell('printers');
}

const stale = new Set();
let everyQueue = false;
let refreshing = null;

function refreshSoon() {
    refreshing ??= setTimeout(async () => {
        refreshing = null;
        const some = [...stale];
        const every = everyQueue || some.length > SINGLE_READS;
        stale.clear();
        everyQueue = false;
        await (every ? loadQueues() : Promise.all(some.map(loadQueue)));
    }, REFRESH_MS);
}

async function loadQueue(name) {
    try {
        if (model.pools.has(name)) model.pools.set(name, await get(`/pools/${encodeURIComponent(name)}`));
        else if (model.printers?.has(name)) learnPrinter(await get(`/printers/${encodeURIComponent(name)}`));
        tell('printers');
    } catch {
        // The next event or reconnection tells.
    }
}

export function learnPrinter(printer) {
    if (model.printers === null) return;
    if (printer.removed) {
        for (const [name, known] of model.printers) if (known.id === printer.id) model.printers.delete(name);
        names = null;
    } else {
        if (!model.printers.has(printer.name)) names = null;
        model.printers.set(printer.name, printer);
    }
    tell('printers');
}

/** Reads all printers and pools, and which jobs printers have. */
export async function loadQueues() {
    try {
        const [printers, pools, running] = await Promise.all([
            all('/printers', 'printers'),
            // Whoever may not see pools still sees printers.
            all('/pools', 'pools').catch(unlessLost([])),
            get(`/jobs${query({ status: RUNNING_STATUSES, limit: PAGE_ROWS })}`),
        ]);
        model.refusal = null;
        model.printers = new Map(printers.map((printer) => [printer.name, printer]));
        model.pools = new Map(pools.map((pool) => [pool.name, pool]));
        model.running = new Map(running.jobs.map((job) => [job.id, unmasked(job)]));
    } catch (problem) {
        if (problem.isLost) return;
        model.refusal = problem;
        model.printers = new Map();
        model.pools = new Map();
    }
    names = null;
    tell('printers');
}

const unlessLost = (otherwise) => (problem) => {
    if (problem.isLost) throw problem;
    return otherwise;
};

async function all(path, key) {
    const rows = [];
    let cursor = null;
    do {
        const page = await get(`${path}${query({ limit: PAGE_ROWS, cursor })}`);
        rows.push(...page[key]);
        cursor = page.next_cursor;
    } while (cursor !== null);
    return rows;
}

/** Who we are to the server, and what it is called. */
export async function loadSession() {
    const version = model.server.version;
    try {
        const session = await get('/session');
        model.session = session;
        model.server = { ...model.server, name: session.server, version: session.version };
    } catch (problem) {
        if (problem.isLost) return;
        model.session = { role: 'none', who: null, expires_at: null };
    }
    // Another program serves now, and this page is not its own.
    if (version !== undefined && model.server.version !== version) location.reload();
    tell('session');
}

/** Everything anew, at the beginning and after the log-in has changed. */
export async function begin() {
    await loadSession();
    model.live.reconnect();
}

/** Once printers and pools are known, or it is known that they are not shown. */
export const known = new Promise((resolve) => {
    const end = new AbortController();
    listen('printers', () => {
        if (model.printers === null) return;
        end.abort();
        resolve();
    }, end.signal);
});

model.live = new Live({
    status() {
        tell('live');
        // Who may not listen may still look.
        if (model.live.status === 'denied') {
            loadQueues();
            tell('reset');
        }
    },
    event(name, data) {
        switch (name) {
        case 'job':
            learn(data);
            break;
        case 'printer':
            learnPrinter(data);
            break;
        case 'worker':
            heard(data);
            break;
        case 'server':
            // Also what is told of changed pools and of a configuration that was read again.
            model.server = { ...model.server, ...data };
            tell('session');
            everyQueue = true;
            refreshSoon();
            break;
        case 'reset':
            loadQueues();
            tell('reset');
            break;
        }
    },
    connected(resumed) {
        // What is in no store, as a printer's passing state, is not told again: it is read.
        loadSession();
        loadQueues();
        if (!resumed) tell('reset');
    },
});

/** A thread that sends tells how far it is oftener than its job does. */
function heard(worker) {
    const job = model.running.get(worker.job);
    if (job === undefined || worker.removed || !(worker.bytes > job.bytes_sent)) return;
    const farther = { ...job, bytes_sent: Math.min(worker.bytes, job.bytes_total) };
    model.running.set(job.id, farther);
    tell('job', job.id, farther);
    tell('printers');
}
