/** The bar at the top: whose server this is, whether what is shown is live, who one is. */

import { button, h, icon, setAttribute, setIcon, setText, show } from './dom.js';
import { logIn, logOut } from './login.js';
import { listen, model } from './model.js';

/** [words, picture, tone, whether a countdown follows] of each state of the connection. */
const STATES = {
    connecting: ['Connecting', 'clock', 'calm', false],
    live: ['Live', 'check', 'good', false],
    waiting: ['Not connected, trying', 'alert', 'warn', true],
    offline: ['Offline, trying', 'alert', 'bad', true],
    resting: ['Resting', 'moon', 'calm', false],
    denied: ['Not live: log in', 'lock', 'warn', false],
};

class Header extends HTMLElement {
    connectedCallback() {
        this.name = h('a.name', { href: '#/' }, 'spool');
        this.picture = icon('clock');
        this.words = h('span', { role: 'status' }, 'Connecting');
        this.next = h('spool-time', { as: 'until' });
        this.state = h('p.connection', { 'data-state': 'connecting' }, this.picture, this.words, this.next);
        this.who = h('span.who');
        this.login = button('Log in', 'lock', () => logIn(), { quiet: true });
        this.logout = button('Log out', 'leave', logOut, { quiet: true });
        const print = h('a.button.primary', { href: '#/print' }, icon('printer'), h('span', null, 'Print'));
        this.append(h('header.top', null, icon('logo'), this.name, this.state, h('span.space'), this.who, this.login, this.logout, print));
        listen('session', () => this.update());
        listen('live', () => this.update());
        this.update();
    }

    update() {
        const { session, server, live } = model;
        setText(this.name, server.name || 'spool');
        document.title = server.name ? `${server.name} · spool` : 'spool';
        const [words, picture, tone, counts] = STATES[live.status];
        setText(this.words, words);
        setIcon(this.picture, picture);
        this.state.className = `connection ${tone}`;
        setAttribute(this.state, 'data-state', live.status);
        show(this.next, counts);
        setAttribute(this.next, 'at', counts ? live.retryAt.toISOString() : null);
        const known = session.role !== 'none';
        setText(this.who, known ? session.who ?? session.role : '');
        show(this.login, !model.isAdmin());
        show(this.logout, known && Boolean(session.expires_at));
    }
}

customElements.define('spool-header', Header);
