/** Logging in and out. */

import { get, post } from './api.js';
import { field, h } from './dom.js';
import { begin, listen, model } from './model.js';
import { ask, done, problem } from './notices.js';

/** Whether an administrator is logged in; asks for the log-in where nobody is. `what` is what needs it. */
export async function needAdmin(what) {
    if (model.isAdmin()) return true;
    return await logIn(`${what} needs a log-in.`) === true;
}

/** The log-in dialog; true once it has worked. */
export function logIn(why = null) {
    return ask({
        title: 'Log in',
        submit: 'Log in',
        body: [
            why && h('p', null, why),
            h('input', { name: 'username', autocomplete: 'username', value: 'admin', hidden: true }),
            field('Token', h('input', { name: 'token', type: 'password', autocomplete: 'current-password', required: true }),
                'The administrator’s token stands in the file admin.token of the server’s state directory.'),
            h('p.hint', null, 'Or run ', h('code', null, 'spool token'), ' on the server: it gives a link that logs in, good for five minutes.'),
        ],
        async run({ token }) {
            if (token.trim() === '') throw new Error('paste the token first');
            await post('/login', { token: token.trim() });
            await begin();
            return true;
        },
    });
}

export async function logOut() {
    try {
        await post('/logout');
        await begin();
        done('You are logged out.');
    } catch (error) {
        problem(error);
    }
}

/** The one-time link `/#code=…`: the code is used up and leaves the address bar before anything else happens. */
export async function useLink() {
    const code = /^#code=(.+)$/.exec(location.hash)?.[1];
    if (code === undefined) return;
    history.replaceState(null, '', '#/');
    try {
        await post('/login', { code: decodeURIComponent(code) });
        done('You are logged in.');
    } catch (error) {
        problem(error);
    }
}

/** What an answer of 401 means: the log-in that we believed in is over. */
export async function loggedOut() {
    const was = model.session.role;
    model.session = await get('/session').catch(() => ({ role: 'none', who: null, expires_at: null }));
    if (was !== model.session.role) {
        problem('Your log-in has ended.', { label: 'Log in', run: () => logIn() });
        model.live.reconnect();
    }
}

let end = null;
listen('session', () => {
    clearTimeout(end);
    const left = new Date(model.session.expires_at ?? '').getTime() - Date.now();
    // Longer waits than 24 days overflow a timer; the server ends none of its log-ins that late.
    if (left > 0 && left < 2 ** 31) end = setTimeout(loggedOut, left + 1000);
});
