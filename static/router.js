/**
 * Where one is, in the part of the address behind `#`: `/`, `/printer/NAME` are places; `/job/ID`, `/print`,
 * `/add`, `/pool/NAME` open a dialog above the last place. What the table of jobs shows stands behind `?`.
 */

const PLACES = new Set(['', 'printer']);

let place = '#/';

/** What the address says: `{ name, argument, filter }`. */
export function route(hash = location.hash) {
    const [path, search = ''] = hash.replace(/^#?\/?/, '').split('?');
    const [name, argument = ''] = path.split('/');
    return { name, argument: decoded(argument), filter: new URLSearchParams(search) };
}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

export const to = (name, argument) => `#/${name}/${encodeURIComponent(argument)}`;

/** Calls `go(place, dialog)` now and at each change; `dialog` is null where none is open. */
export function start(go) {
    const follow = () => {
        const here = route();
        const isPlace = PLACES.has(here.name);
        if (isPlace) place = location.hash || '#/';
        go(route(place), isPlace ? null : here);
    };
    addEventListener('hashchange', follow);
    follow();
}

/** Back to the place below the dialog. */
export function close() {
    location.hash = place;
}

/** Writes a filter into the address without a new step in the history. */
export function setFilter(values) {
    const here = route(place);
    for (const [name, value] of Object.entries(values)) {
        if (value) here.filter.set(name, value);
        else here.filter.delete(name);
    }
    const search = here.filter.toString();
    const path = here.name === '' ? '#/' : to(here.name, here.argument);
    place = search === '' ? path : `${path}?${search}`;
    history.replaceState(null, '', place);
}
