/** Moments as people read them: `<spool-time at="…" as="ago|until|next-try|clock">`, kept right by one timer for all. */

import { setText } from './dom.js';
import { bytes } from './words.js';

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** `12 s`, `3 min`, `2 h`, `5 d`. */
export function span(ms) {
    const seconds = Math.max(0, Math.round(ms / 1000));
    if (seconds < 100) return `${seconds} s`;
    if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
    if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
    return `${Math.round(seconds / 86_400)} d`;
}

/** The time of day; with the date where that is not today's. */
export function clock(date) {
    const today = new Date().toDateString() === date.toDateString();
    return (today ? CLOCK : DAY).format(date);
}

export function full(date) {
    return FULL.format(date);
}

/**
 * The server's sentences name times in UTC, bytes, and commands; here times are shown as the clock on the wall does,
 * bytes in units, and the command that resumes a printer is a button.
 */
export function localised(sentence) {
    const whole = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
    const ofDay = /(?<![\d:T])(\d\d):(\d\d):(\d\d)Z/g;
    return (sentence ?? '')
        .replace(whole, (text) => clock(new Date(text)))
        .replace(/(\d+) of (\d+) bytes/, (text, part, all) => `${bytes(Number(part))} of ${bytes(Number(all))}`)
        .replace(/`spool printer resume [^`]*`/, 'resuming it')
        .replace(ofDay, (text, hours, minutes, seconds) => {
            const moment = new Date();
            moment.setUTCHours(hours, minutes, seconds, 0);
            return CLOCK.format(moment);
        });
}

class Moment extends HTMLElement {
    static observedAttributes = ['at', 'as'];

    connectedCallback() {
        shown.add(this);
        this.tick();
    }

    disconnectedCallback() {
        shown.delete(this);
    }

    attributeChangedCallback() {
        const at = new Date(this.getAttribute('at') ?? '');
        this.title = Number.isNaN(at.getTime()) ? '' : full(at);
        if (this.isConnected) this.tick();
    }

    tick() {
        const at = new Date(this.getAttribute('at') ?? '');
        setText(this, Number.isNaN(at.getTime()) ? '' : this.words(at));
    }

    words(at) {
        const away = at.getTime() - Date.now();
        switch (this.getAttribute('as')) {
        case 'clock':
            return clock(at);
        case 'until':
            return away > 500 ? `in ${span(away)}` : 'now';
        case 'next-try':
            return away > 500 ? `Next try in ${span(away)}.` : 'It is being tried now.';
        default:
            return away > -3000 ? 'just now' : `${span(-away)} ago`;
        }
    }
}

const shown = new Set();

function tickAll() {
    if (document.hidden) return;
    for (const moment of shown) moment.tick();
}

setInterval(tickAll, 1000);
document.addEventListener('visibilitychange', tickAll);
customElements.define('spool-time', Moment);
