/** What can be done with jobs and printers: which where, and how it is done. The server has the last word. */

import { post } from './api.js';
import { field, h, select } from './dom.js';
import { loggedOut, needAdmin } from './login.js';
import { learn, learnPrinter, linkOf, loadQueues, model, tell } from './model.js';
import { ask, done, problem } from './notices.js';
import { to } from './router.js';
import { count, isFinal, titleOf } from './words.js';

const waits = (job) => job.status === 'held' || job.status === 'waiting';

/** In the order in which they are offered; `link` tells which the job's secret link allows too. */
export const JOB_ACTIONS = [
    { name: 'release', label: 'Release', icon: 'play', link: true, fits: (job) => job.status === 'held' },
    { name: 'hold', label: 'Hold', icon: 'pause', link: true, fits: (job) => job.status === 'waiting' },
    { name: 'cancel', label: 'Cancel', icon: 'cancel', link: true, fits: (job) => !isFinal(job) && !job.cancel_flag },
    { name: 'restart', label: 'Print again', icon: 'again', fits: isFinal },
    { name: 'move', label: 'Move…', icon: 'move', fits: waits, asks: askQueue },
    { name: 'priority', label: 'Priority…', icon: 'up', fits: waits, asks: askPriority },
];

export const jobActions = (job) => JOB_ACTIONS.filter((action) => action.fits(job));

/** Whether a click will first ask for a log-in. */
export const needsLogin = (job, action) => !model.isAdmin() && !(action.link && linkOf(job.id) !== null);

export async function actOnJob(job, action) {
    const byLink = !model.isAdmin() && action.link ? linkOf(job.id) : null;
    if (byLink === null && !await needAdmin(`«${action.label.replace('…', '')}» for a job`)) return;
    const base = byLink ?? `/jobs/${job.id}`;
    if (action.asks) {
        await action.asks(job, base);
        return;
    }
    await tried(async () => {
        const now = await post(`${base}/${action.name}`);
        learn(now);
        told(action.name, now);
    }, (refused) => again(job, action, refused, base));
}

function told(name, job) {
    const title = titleOf(job);
    switch (name) {
    case 'cancel':
        if (job.status === 'canceled') done(`«${title}» is canceled.`, { label: 'Print it after all', run: () => actOnJob(job, JOB_ACTIONS[3]) });
        else done(`The end of «${title}» was asked for.`);
        break;
    case 'hold':
        done(`«${title}» is held.`);
        break;
    case 'release':
        done(`«${title}» is released.`);
        break;
    case 'restart':
        done(`«${title}» is printed again.`, { label: 'Show', run: () => { location.hash = to('job', job.id); } });
        break;
    }
}

/** Requests of one bulk action that are under way at once. */
const AT_ONCE = 4;

/** What can be done with several jobs at once: `[action, the jobs that it fits]`. */
export function bulkActions(jobs) {
    const several = JOB_ACTIONS.filter((action) => ['release', 'hold', 'cancel', 'restart'].includes(action.name));
    return several.map((action) => [action, jobs.filter(action.fits)]).filter(([, fitting]) => fitting.length > 0);
}

/** Asks with the number first; afterwards says how many were done, and why not the others. */
export async function actOnMany(jobs, action) {
    if (!await needAdmin(`«${action.label}» for many jobs`)) return;
    await ask({
        title: `${action.label}: ${count(jobs.length, 'job')}`,
        submit: action.label,
        danger: action.name === 'cancel',
        body: [h('p', null, `From «${titleOf(jobs.at(-1))}» to «${titleOf(jobs[0])}».`)],
        run: async () => {
            const left = [...jobs];
            const refusals = [];
            const worker = async () => {
                for (let job = left.shift(); job !== undefined; job = left.shift()) {
                    await post(`/jobs/${job.id}/${action.name}`).then(learn, (refused) => refusals.push(refused));
                }
            };
            await Promise.all(Array.from({ length: AT_ONCE }, worker));
            const [first] = refusals;
            if (first) problem(`${refusals.length} of ${jobs.length} were refused; the first: ${first.message}`);
            else done(`${action.label}: ${count(jobs.length, 'job')}, all done.`);
        },
    });
}

/** A printer that is set to refuse may still be told to stop, once and on purpose. */
function again(job, action, refused, base) {
    const offers = action.name === 'cancel' && refused.code === 'cannot_cancel' && job.status === 'printing';
    if (!offers) return null;
    return {
        label: 'Cancel even so',
        run: () => tried(async () => learn(await post(`${base}/cancel?even_if_printing=true`))),
    };
}

/** Carries out what an answer may refuse, and says the refusal. */
export async function tried(work, offer) {
    try {
        await work();
    } catch (error) {
        if (error.needsLogin) await loggedOut();
        problem(error, offer?.(error) ?? undefined);
    }
}

function askQueue(job, base) {
    const others = model.queues().filter((name) => name !== job.printer);
    return ask({
        title: `Move «${titleOf(job)}»`,
        submit: 'Move',
        body: [field('To', select('printer', others, others[0]), `It is in the queue of ${job.printer} now.`)],
        run: async ({ printer }) => learn(await post(`${base}/move`, { printer })),
    });
}

function askPriority(job, base) {
    const input = h('input', { name: 'priority', type: 'number', min: 1, max: 100, value: job.priority, required: true });
    return ask({
        title: `Priority of «${titleOf(job)}»`,
        submit: 'Set',
        body: [field('Priority', input, '1 to 100; 100 goes first.')],
        run: async ({ priority }) => learn(await post(`${base}/priority`, { priority: Number(priority) })),
    });
}

export const PRINTER_ACTIONS = [
    { name: 'pause', label: 'Pause', icon: 'pause', fits: (printer) => !printer.paused },
    { name: 'resume', label: 'Resume', icon: 'play', fits: (printer) => printer.paused },
    { name: 'reject', label: 'Take no new jobs', icon: 'stop', fits: (printer) => printer.accepting },
    { name: 'accept', label: 'Take new jobs', icon: 'check', fits: (printer) => !printer.accepting },
    { name: 'test', label: 'Print a test page', icon: 'page', fits: () => true },
    { name: 'wake', label: 'Wake', icon: 'sun', fits: (printer) => Boolean(printer.mac) },
];

export const printerActions = (printer) => PRINTER_ACTIONS.filter((action) => action.fits(printer));

export async function actOnPrinter(printer, action) {
    if (!await needAdmin(`«${action.label}»`)) return;
    await tried(async () => {
        const answer = await post(`/printers/${encodeURIComponent(printer.name)}/${action.name}`);
        switch (action.name) {
        case 'test':
            learn(answer);
            done(`The test page is job ${answer.id}.`, { label: 'Show', run: () => { location.hash = to('job', answer.id); } });
            break;
        case 'wake':
            done(`${printer.name} was sent the packet that wakes it.`);
            await loadQueues();
            break;
        default:
            learnPrinter(answer);
        }
    });
}

/** Lets a pool take new jobs, or no more. */
export async function actOnPool(pool, action) {
    if (!await needAdmin(`«${action.label}»`)) return;
    await tried(async () => {
        model.pools.set(pool.name, await post(`/pools/${encodeURIComponent(pool.name)}/${action.name}`));
        tell('printers');
    });
}

export const poolAction = (pool) => PRINTER_ACTIONS.find((action) => action.name === (pool.accepting ? 'reject' : 'accept'));
