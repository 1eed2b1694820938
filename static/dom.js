/**
 * Building and changing elements. Nothing here or elsewhere turns text into markup: what comes from outside
 * only ever becomes text and attributes.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** An element: `h('p.note.small', {title: 'x', onclick: f}, 'text', child)`. Null attributes and children are left out. */
export function h(tag, attributes, ...children) {
    const [name, ...classes] = tag.split('.');
    const node = document.createElement(name);
    if (classes.length > 0) node.className = classes.join(' ');
    for (const [key, value] of Object.entries(attributes ?? {})) {
        if (typeof value === 'function') node.addEventListener(key.slice(2), value);
        else setAttribute(node, key, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return node;
}

/** A picture of the sprite; decoration, so the words beside it must say the same. */
export function icon(name) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS(SVG, 'use');
    use.setAttribute('href', `/static/icons.svg#${name}`);
    svg.append(use);
    return svg;
}

export function setIcon(svg, name) {
    setAttribute(svg.firstChild, 'href', `/static/icons.svg#${name}`);
}

/** Changes a text only where it differs, so that selections and screen readers are left in peace. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/** True sets an empty attribute; false, null and undefined take it away. */
export function setAttribute(node, name, value) {
    if (value === false || value === null || value === undefined) {
        if (node.hasAttribute(name)) node.removeAttribute(name);
        return;
    }
    const text = value === true ? '' : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

export function show(node, visible) {
    if (node.hidden === visible) node.hidden = !visible;
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child of a key that stays is the same
 * element before and after, so focus and scrolling stay too. `make(item)` gives an object with `node` and
 * `update(item)`; `known` is a map that the caller keeps.
 */
export function keyed(parent, known, items, keyOf, make) {
    const wanted = new Set(items.map(keyOf));
    for (const [key, view] of known) {
        if (wanted.has(key)) continue;
        view.node.remove();
        known.delete(key);
    }
    let place = parent.firstChild;
    for (const item of items) {
        const key = keyOf(item);
        let view = known.get(key);
        if (view === undefined) {
            view = make(item);
            known.set(key, view);
        }
        view.update(item);
        if (view.node === place) place = place.nextSibling;
        else parent.insertBefore(view.node, place);
    }
}

/** A button with a picture and words. */
export function button(label, picture, onclick, extra = {}) {
    const { quiet, danger, primary, bare, ...attributes } = extra;
    const classes = ['button', quiet && 'quiet', danger && 'danger', primary && 'primary', bare && 'bare'];
    const words = h(bare ? 'span.sr' : 'span', null, label);
    return h(classes.filter(Boolean).join('.').replace(/^/, 'button.'),
        { type: 'button', onclick, title: bare ? label : null, ...attributes },
        picture === null ? null : icon(picture), words);
}

/** A labelled control of a form, with a line of help below it. */
export function field(label, control, hint) {
    return h('label.field', null, h('span.label', null, label), control,
        hint ? h('span.hint', null, hint) : null);
}

/** A menu of choices; each is `[value, label]` or a text that is both. */
export function select(name, choices, value) {
    const node = h('select', { name });
    for (const choice of choices) {
        const [key, label] = Array.isArray(choice) ? choice : [choice, choice];
        const option = h('option', { value: key }, label);
        option.selected = key === value;
        node.append(option);
    }
    return node;
}
