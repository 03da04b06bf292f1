/** Elements made of text, never of markup; lists that keep what has not changed. */
export const DOM_SCRIPT = `
/** An element. What is text stays text; names that begin with "on" are listeners. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? "" : String(value));
  }
  el.append(...children.flat(5).filter((child) => child !== undefined && child !== null && child !== false));
  return el;
}

export const at = (id) => document.getElementById(id);

/** What people wrote: in its own direction, and no longer than can be read. */
function written(tag, text, most = 300) {
  const cut = text.length > most ? text.slice(0, most - 1).toWellFormed() + "…" : text;
  return h(tag, { class: "written", dir: "auto", title: text.length > 80 ? text.slice(0, 1000).toWellFormed() : undefined }, cut);
}

/** A link to another page; an address that is none is left out. */
function away(url, props, ...children) {
  const target = URL.parse(url);
  if (!target || !/^https?:$/.test(target.protocol)) return undefined;
  return h("a", { ...props, href: target.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Gives the focus to the first of these that is shown; what is not shown cannot have it. */
function focusOn(...all) {
  all.find((el) => el?.checkVisibility())?.focus({ preventScroll: true });
}

/** May have the focus, but Tab does not lead there. */
function reachable(el) {
  el.tabIndex = -1;
  return el;
}

/** Draws what is new or has changed, moves the rest, and keeps the focus where it was. */
function list(parent, rows, keyOf, draw) {
  const old = new Map([...parent.children].map((el) => [el.dataset.key, el]));
  const drawn = parent.dataset.drawn === "yes";
  parent.dataset.drawn = "yes";
  const focused = document.activeElement;
  rows.forEach((row, i) => {
    const key = keyOf(row);
    const drawnAs = lang + JSON.stringify(row);
    let el = old.get(key);
    old.delete(key);
    if (!el || el.drawnAs !== drawnAs) {
      const fresh = draw(row);
      fresh.dataset.key = key;
      fresh.drawnAs = drawnAs;
      if (drawn) fresh.classList.add("fresh");
      if (el) {
        const again = el.contains(focused) && [...el.querySelectorAll("a,button")].indexOf(focused);
        el.replaceWith(fresh);
        if (again !== false) focusOn(fresh.querySelectorAll("a,button")[Math.max(again, 0)], reachable(fresh));
      }
      el = fresh;
    }
    if (parent.children[i] !== el) parent.insertBefore(el, parent.children[i] ?? null);
  });
  for (const el of old.values()) el.remove();
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
`;
