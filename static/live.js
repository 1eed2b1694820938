/**
 * The stream of events, kept open. It is read with fetch rather than EventSource, which tells neither why a
 * connection failed nor when it tries again, does not notice a connection that died in silence, and forgets its
 * place when the server answers with an error.
 */

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** The server says something every 15 s; after this long without a byte the connection is dead. */
const SILENCE_MS = 40_000;
/** A tab that nobody looks at lets go of its connection after this time: a browser has only six for a server. */
const HIDDEN_MS = 30_000;
/** After a longer absence the lists are fetched anew rather than each change replayed. */
const RESUME_MS = 120_000;

/** What the connection is: `connecting`, `live`, `waiting` or `offline` (until `retryAt`), `resting`, `denied`. */
export class Live {
    #hear;
    #status = 'connecting';
    #retryAt = null;
    #failures = 0;
    #lastId = null;
    #leftAt = 0;
    #abort = null;
    #timer = null;
    #hiddenTimer = null;

    /** `hear` has the methods `status()`, `event(name, data)`, `connected(resumed)`. */
    constructor(hear) {
        this.#hear = hear;
        addEventListener('online', () => this.reconnect());
        document.addEventListener('visibilitychange', () => this.#seen());
    }

    get status() {
        return this.#status;
    }

    get retryAt() {
        return this.#retryAt;
    }

    /** Connects now, whatever was planned; also after the log-in has changed. */
    reconnect() {
        this.#letGo();
        this.#connect();
    }

    #set(status, retryAt = null) {
        this.#status = status;
        this.#retryAt = retryAt;
        this.#hear.status();
    }

    #letGo() {
        clearTimeout(this.#timer);
        this.#abort?.abort();
        this.#abort = null;
    }

    async #connect() {
        const abort = new AbortController();
        this.#abort = abort;
        this.#set('connecting');
        const resumes = this.#lastId !== null && Date.now() - this.#leftAt < RESUME_MS;
        const headers = { accept: 'text/event-stream' };
        if (resumes) headers['last-event-id'] = this.#lastId;
        try {
            const response = await fetch('/api/v1/events', { headers, cache: 'no-store', signal: abort.signal });
            if (response.status === 401 || response.status === 403) {
                this.#set('denied');
                return;
            }
            if (!response.ok) throw new Error(`status ${response.status}`);
            this.#failures = 0;
            this.#set('live');
            this.#hear.connected(resumes);
            await this.#read(response, abort);
        } catch {
            // Whatever it was, the connection is gone, and why does not change what follows.
        }
        if (this.#abort === abort) this.#fail();
    }

    async #read(response, abort) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (;;) {
            const silence = setTimeout(() => abort.abort(), SILENCE_MS);
            const { done, value } = await reader.read().finally(() => clearTimeout(silence));
            if (done) return;
            this.#leftAt = Date.now();
            const blocks = (rest + value).split('\n\n');
            rest = blocks.pop();
            for (const block of blocks) this.#block(block);
        }
    }

    /** One event: lines of `id:`, `event:` and `data:`; the rest are comments. */
    #block(block) {
        let name = null;
        let data = null;
        for (const line of block.split('\n')) {
            if (line.startsWith('id: ')) this.#lastId = line.slice(4);
            else if (line.startsWith('event: ')) name = line.slice(7);
            else if (line.startsWith('data: ')) data = line.slice(6);
        }
        if (name !== null && data !== null) this.#hear.event(name, JSON.parse(data));
    }

    #fail() {
        this.#letGo();
        if (document.hidden && this.#status === 'resting') return;
        const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
        this.#failures += 1;
        // A machine without a network still reaches a server of its own, so it is tried all the same.
        this.#set(navigator.onLine ? 'waiting' : 'offline', new Date(Date.now() + wait));
        this.#timer = setTimeout(() => this.#connect(), wait);
    }

    #seen() {
        clearTimeout(this.#hiddenTimer);
        if (document.hidden) {
            this.#hiddenTimer = setTimeout(() => {
                this.#letGo();
                this.#set('resting');
            }, HIDDEN_MS);
        } else if (this.#status !== 'live' && this.#status !== 'denied') {
            this.#failures = 0;
            this.reconnect();
        }
    }
}
