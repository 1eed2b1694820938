/** Requests to the server, by its public interface and nothing else. */

const TIMEOUT_MS = 30_000;

/** A refusal, in the server's own words. */
export class Problem extends Error {
    constructor(status, code, detail) {
        super(detail);
        this.status = status;
        this.code = code;
    }

    /** Nobody answered: the request may or may not have arrived. */
    get isLost() {
        return this.status === 0;
    }

    get needsLogin() {
        return this.status === 401;
    }
}

const lost = () => new Problem(0, 'unreachable', 'the server does not answer; the page goes on as soon as it does');

function problemOf(status, text) {
    try {
        const { code, detail, title } = JSON.parse(text);
        return new Problem(status, code ?? 'unknown', detail ?? title ?? `the server answered ${status}`);
    } catch {
        return new Problem(status, 'unknown', `the server answered ${status}`);
    }
}

/** Sends a request and gives the JSON of its answer. Throws [`Problem`] and nothing else. */
export async function call(method, path, body) {
    const options = { method, headers: { accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) {
        options.headers['content-type'] = 'application/json';
        options.body = JSON.stringify(body);
    }
    let response, text;
    try {
        response = await fetch(`/api/v1${path}`, options);
        text = await response.text();
    } catch {
        throw lost();
    }
    if (!response.ok) throw problemOf(response.status, text);
    try {
        return text === '' ? null : JSON.parse(text);
    } catch {
        throw new Problem(response.status, 'unreadable', 'the server answered with something that is not JSON');
    }
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);

/** `?a=1&b=2`; what is empty is left out. */
export function query(values) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) {
        if (value !== undefined && value !== null && value !== '' && value !== false) parameters.set(name, value);
    }
    const text = parameters.toString();
    return text === '' ? '' : `?${text}`;
}

/**
 * Sends a document; `progress` hears of 0 to 1. Only XMLHttpRequest tells how far an upload is. The key makes
 * the same upload safe to repeat: the server prints it once.
 */
export function upload(path, body, key, progress) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open('POST', `/api/v1${path}`);
        request.setRequestHeader('accept', 'application/json');
        request.setRequestHeader('idempotency-key', key);
        request.upload.addEventListener('progress', (event) => {
            if (event.lengthComputable) progress(event.loaded / event.total);
        });
        request.addEventListener('load', () => {
            if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
            else reject(problemOf(request.status, request.responseText));
        });
        request.addEventListener('error', () => reject(lost()));
        request.addEventListener('abort', () => reject(lost()));
        request.send(body);
    });
}

/** A fresh idempotency key. */
export function freshKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
