/** Words, pictures and tones for states; nothing is told by colour alone. */

/** [word, picture, tone] of each status of a job. */
const STATUSES = {
    held: ['Held', 'pause', 'warn'],
    waiting: ['Waiting', 'clock', 'calm'],
    rendering: ['Rendering', 'gear', 'busy'],
    scheduled: ['Scheduled', 'clock', 'busy'],
    transmitting: ['Transmitting', 'send', 'busy'],
    transmitted: ['Transmitted', 'send', 'busy'],
    printing: ['Printing', 'printer', 'busy'],
    completed: ['Completed', 'check', 'good'],
    failed: ['Failed', 'alert', 'bad'],
    canceled: ['Canceled', 'cancel', 'calm'],
};

export const statusOf = (status) => STATUSES[status] ?? [status, 'clock', 'calm'];

const FINAL = new Set(['completed', 'failed', 'canceled']);
export const isFinal = (job) => FINAL.has(job.status);

const RUNNING = ['rendering', 'scheduled', 'transmitting', 'transmitted', 'printing'];
export const isRunning = (job) => RUNNING.includes(job.status);
export const RUNNING_STATUSES = RUNNING.join(',');

/** [word, picture, tone] of a printer. */
export function printerState(printer) {
    if (printer.state === 'processing') return ['Printing', 'printer', 'busy'];
    if (printer.paused) return ['Paused', 'pause', 'warn'];
    if ((printer.reasons ?? []).includes('asleep')) return ['Asleep', 'moon', 'warn'];
    if (printer.state === 'stopped') return ['Not ready', 'alert', 'bad'];
    return ['Ready', 'check', 'good'];
}

/** `print-color-mode` as people read it. */
export const plain = (keyword) => String(keyword ?? '').replaceAll('-', ' ').replaceAll('_', ' ');

/** The name of a job for whoever may not see its title, too. */
export const titleOf = (job) => job.title ?? `Job ${job.id}`;

export function bytes(count) {
    if (count === null || count === undefined) return '';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let value = count;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit += 1;
    }
    return `${value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1 job`, `2 jobs`. */
export const count = (number, word) => `${number} ${word}${number === 1 ? '' : 's'}`;

/** How far a job is, 0 to 1; null where nobody knows. */
export function progress(job) {
    if (!isRunning(job)) return null;
    const { pages } = job;
    if (pages?.total > 0 && pages.confirmed > 0) return pages.confirmed / pages.total;
    if (job.bytes_total > 0 && job.status === 'transmitting') return job.bytes_sent / job.bytes_total;
    return job.status === 'transmitted' || job.status === 'printing' ? 1 : 0;
}
