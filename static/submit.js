/** Submitting: files are dropped anywhere on the page or chosen, then asked how they are to be printed. */

import { freshKey, query, upload } from './api.js';
import { bar } from './chip.js';
import { button, field, h, icon, select, setText, show } from './dom.js';
import { keepLink, learn, model } from './model.js';
import { dialog, done, sentence } from './notices.js';
import { close, to } from './router.js';
import { bytes, plain } from './words.js';

/** The options that the server knows with fixed values; the first of each means: as the printer is set. */
const CHOICES = {
    sides: ['one-sided', 'two-sided-long-edge', 'two-sided-short-edge'],
    'print-color-mode': ['auto', 'color', 'monochrome'],
    'print-quality': ['draft', 'normal', 'high'],
    'orientation-requested': ['portrait', 'landscape'],
    'number-up': ['1', '2', '4', '6', '9', '16'],
    media: ['iso_a4_210x297mm', 'iso_a3_297x420mm', 'iso_a5_148x210mm', 'na_letter_8.5x11in', 'na_legal_8.5x14in'],
};

let dropped = [];

/** Takes files from anywhere on the page. */
export function takeDrops() {
    const sheet = document.getElementById('drop');
    const has = (event) => event.dataTransfer?.types.includes('Files');
    let depth = 0;
    const mark = (change) => {
        depth = Math.max(0, depth + change);
        sheet.hidden = depth === 0;
    };
    addEventListener('dragenter', (event) => has(event) && mark(1));
    addEventListener('dragleave', (event) => has(event) && mark(-1));
    addEventListener('dragover', (event) => has(event) && event.preventDefault());
    addEventListener('drop', (event) => {
        if (!has(event)) return;
        event.preventDefault();
        mark(-depth);
        const files = [...event.dataTransfer.files];
        const open = document.querySelector('spool-submit');
        if (open) open.add(files);
        else {
            dropped = files;
            location.hash = '#/print';
        }
    });
}

export function openSubmit(queue, closed) {
    return dialog('Print', h('spool-submit', { queue: queue || null }), closed);
}

class Submit extends HTMLElement {
    /** Each with the key under which it is sent, also a second time. */
    #files = [];
    #key = freshKey();
    #busy = false;

    connectedCallback() {
        this.picker = h('input', { type: 'file', name: 'file', multiple: true, onchange: () => {
            this.add([...this.picker.files]);
            this.picker.value = '';
        } });
        this.list = h('ul.files');
        this.together = h('fieldset', { hidden: true }, h('legend', null, 'Several files become'),
            choice('together', 'no', 'a job each', true), choice('together', 'yes', 'one job', false));
        const names = model.queues().filter((name) => model.queue(name)?.accepting !== false);
        const preset = this.getAttribute('queue');
        this.queue = select('printer', [['', 'the server’s default'], ...names], names.includes(preset) ? preset : names.length === 1 ? names[0] : '');
        this.queue.addEventListener('change', () => this.offer());
        this.title_ = h('input', { name: 'title', maxlength: 200, placeholder: 'the file’s name' });
        this.options = h('div.grid');
        this.failure = h('p.failure', { role: 'alert', hidden: true });
        this.send = h('button.button.primary', { type: 'submit' }, icon('printer'), h('span', null, 'Print'));
        this.form = h('form', { novalidate: true },
            h('label.picker', null, icon('page'), h('span', null, 'Choose files, or drop them here'), this.picker), this.list, this.together,
            h('div.grid', null, field('Printer', this.queue),
                field('Copies', h('input', { name: 'copies', type: 'number', min: 1, max: 9999, value: 1 }))),
            h('details', null, h('summary', null, 'More'),
                h('div.grid', null, field('Title', this.title_),
                    field('Priority', h('input', { name: 'priority', type: 'number', min: 1, max: 100, value: 50 }), '1 to 100; 100 goes first'),
                    field('Pages', h('input', { name: 'option.page-ranges', placeholder: 'all, or 1-3,7' }))), this.options),
            h('label.check', null, h('input', { type: 'checkbox', name: 'hold' }), h('span', null, 'Hold it until somebody releases it')),
            this.failure, h('div.actions', null, button('Never mind', null, close, { quiet: true }), this.send));
        this.form.addEventListener('submit', (event) => {
            event.preventDefault();
            this.submit();
        });
        this.append(this.form);
        this.offer();
        this.add(dropped);
        dropped = [];
    }

    add(files) {
        if (this.#busy) return;
        // Another set of files is another submission.
        this.#key = freshKey();
        for (const file of files) {
            const far = bar(`upload of ${file.name}`);
            const words = h('span.hint', null, bytes(file.size));
            const entry = { file, key: freshKey(), far, words, job: null };
            entry.node = h('li', null, h('span.file-name', null, file.name), words, far.node,
                button('Remove', 'close', () => this.drop(entry), { bare: true, quiet: true, 'aria-label': `Remove ${file.name}` }));
            far.update(null);
            this.list.append(entry.node);
            this.#files.push(entry);
        }
        show(this.together, this.#files.length > 1);
    }

    drop(entry) {
        if (this.#busy) return;
        this.#key = freshKey();
        this.#files = this.#files.filter((other) => other !== entry);
        entry.node.remove();
        show(this.together, this.#files.length > 1);
    }

    /** The options of the chosen printer: what it says it can do, else everything that the server knows. */
    offer() {
        const printer = model.printers?.get(this.queue.value);
        const can = printer?.description ?? printer ?? {};
        const before = Object.fromEntries(new FormData(this.form));
        const only = { sides: can.sides, 'print-color-mode': can.color_modes, media: can.media_ready?.length ? can.media_ready : can.media };
        this.options.replaceChildren(...Object.entries(CHOICES).map(([name, values]) => {
            const offered = only[name]?.length > 0 ? only[name] : values;
            const set = printer?.options?.[name];
            const usual = ['', set ? `as set: ${plain(set)}` : 'as the printer is set'];
            return field(plain(name), select(`option.${name}`, [usual, ...offered.map((value) => [value, plain(value)])], before[`option.${name}`] ?? ''));
        }));
    }

    async submit() {
        if (this.#files.length === 0) {
            this.fail('choose a file first');
            return;
        }
        this.busy(true);
        const data = new FormData(this.form);
        const asked = { hold: data.has('hold') ? 'true' : '' };
        for (const name of ['printer', 'title', 'copies', 'priority', 'option.page-ranges', ...Object.keys(CHOICES).map((key) => `option.${key}`)]) {
            asked[name] = String(data.get(name) ?? '').trim();
        }
        try {
            const jobs = data.get('together') === 'yes' && this.#files.length > 1 ? [await this.asOne(asked)] : await this.oneByOne(asked);
            this.accepted(jobs);
        } catch (problem) {
            this.fail(problem.isLost ? 'the server does not answer; press Print again, nothing is printed twice' : problem.message);
        }
        this.busy(false);
    }

    /** What was accepted before another failed is not sent again. */
    async oneByOne(asked) {
        for (const entry of this.#files) {
            if (entry.job !== null) continue;
            const title = asked.title || entry.file.name;
            entry.job = await upload(`/jobs${query({ ...asked, title })}`, entry.file, entry.key, entry.far.update);
            entry.far.update(1);
            setText(entry.words, `job ${entry.job.id}`);
        }
        return this.#files.map((entry) => entry.job);
    }

    async asOne(asked) {
        const body = new FormData();
        for (const [name, value] of Object.entries(asked)) if (value !== '') body.append(name, value);
        // Behind the settings, so that the server knows them before the first byte of a document.
        for (const { file } of this.#files) body.append('file', file);
        return await upload('/jobs', body, this.#key, (part) => {
            for (const entry of this.#files) entry.far.update(part);
        });
    }

    accepted(jobs) {
        for (const job of jobs) {
            keepLink(job);
            learn(job);
        }
        close();
        const [first] = jobs;
        const words = jobs.length === 1 ? `Accepted as job ${first.id}.` : `Accepted as jobs ${jobs.map((job) => job.id).join(', ')}.`;
        done(words, { label: 'Show', run: () => { location.hash = to('job', first.id); } });
    }

    busy(busy) {
        this.#busy = busy;
        this.send.disabled = busy;
        if (busy) show(this.failure, false);
    }

    fail(words) {
        setText(this.failure, sentence(words));
        show(this.failure, true);
    }
}

function choice(name, value, label, checked) {
    return h('label.check', null, h('input', { type: 'radio', name, value, checked }), h('span', null, label));
}

customElements.define('spool-submit', Submit);
