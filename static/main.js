/** The page: puts its parts together and goes where the address says. */

import './header.js';
import './printers.js';
import './jobs.js';
import './printer.js';

import { askPool, openAddPrinter } from './add.js';
import { h, setText } from './dom.js';
import { openJob } from './job.js';
import { useLink } from './login.js';
import { begin, known, listen, model } from './model.js';
import { close, start } from './router.js';
import { openSubmit, takeDrops } from './submit.js';
import { count, printerState } from './words.js';

const main = document.getElementById('main');
let place = null;
let open = null;

/** The overview: one sentence on how things are, the printers, the jobs. */
function overview() {
    const summary = h('p.summary');
    const node = h('div', null, h('h1.sr', null, 'Overview'), summary, h('spool-printers'), h('spool-jobs'));
    const end = new AbortController();
    listen('printers', () => setText(summary, summarised()), end.signal);
    setText(summary, summarised());
    return { node, end, follow: (filter) => { node.querySelector('spool-jobs').filters = filter; } };
}

function summarised() {
    if (model.printers === null) return '';
    const printers = [...model.printers.values()];
    const unable = printers.filter((printer) => printerState(printer)[2] === 'bad');
    const queues = [...printers, ...model.pools.values()];
    const jobs = queues.reduce((sum, queue) => sum + (queue.queued_jobs ?? 0), 0);
    const held = queues.reduce((sum, queue) => sum + (queue.held_jobs ?? 0), 0);
    const cannot = unable.length === 0 ? 'every printer is well'
        : unable.length <= 3 ? `${unable.map((printer) => printer.name).join(', ')} cannot print now` : `${unable.length} printers cannot print now`;
    const words = [count(printers.length, 'printer'), cannot, jobs === 0 ? 'no jobs wait' : `${count(jobs, 'job')} in the queues`];
    if (held > 0) words.push(`${held} held`);
    return printers.length === 0 ? '' : `${words.join(' · ')}`;
}

function printerPlace(name) {
    const node = h('spool-printer', { name });
    return { node, end: new AbortController(), follow: (filter) => { node.filters = filter; } };
}

function go(where, above) {
    const key = `${where.name}/${where.argument}`;
    if (place?.key !== key) {
        place?.end.abort();
        place = { key, ...(where.name === 'printer' ? printerPlace(where.argument) : overview()) };
        main.replaceChildren(place.node);
        scrollTo(0, 0);
    }
    place.follow(where.filter);
    showAbove(above, where);
}

async function showAbove(above, where) {
    const key = above === null ? null : `${above.name}/${above.argument}`;
    if (open?.key === key) return;
    const mine = above === null ? null : { key };
    open = mine;
    for (const left of document.querySelectorAll('dialog[open]')) left.close();
    if (mine === null) return;
    await known;
    if (open !== mine) return;
    // Whoever closes a dialog leaves its address; one that another has replaced changes nothing.
    const closed = () => {
        if (open === mine) close();
    };
    const dialogs = {
        job: () => openJob(above.argument, closed),
        print: () => openSubmit(where.filter.get('printer') ?? (where.name === 'printer' ? where.argument : null), closed),
        add: () => (above.argument === 'pool' ? askPool(null, closed) : openAddPrinter(closed)),
        pool: () => askPool(above.argument, closed),
    };
    if (Object.hasOwn(dialogs, above.name)) dialogs[above.name]();
    else close();
}

document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
});

addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, textarea, select, dialog');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/') {
        event.preventDefault();
        document.querySelector('spool-jobs input[type=search]')?.focus();
    }
});

await useLink();
takeDrops();
start(go);
await begin();
