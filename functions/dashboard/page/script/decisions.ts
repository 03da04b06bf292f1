/** The trail: one line for each thing that happened, from what was seen to what became of it. */
export const DECISIONS_SCRIPT = `
let chosen;
let trailRows = [];
let trailNext;
/** So many lines are asked for, and more by whoever wants older ones. */
const LINES = 50;
let trailMost = LINES;
let newest;
let unsaid = 0;
let sayingNews;
/** Milliseconds between two things said to those who do not see the page. */
const BETWEEN_NEWS = 5_000;

function drawTrail(rows, next) {
  trailRows = rows;
  trailNext = next;
  const root = at("trail");
  root.setAttribute("aria-busy", "false");
  list(at("why-of"), chosen ? [chosen] : [], ({ id }) => id, ({ key }) =>
    h("button", { type: "button", class: "chip", onclick: () => choose(undefined), title: t("why.all") }, t("why.of", { item: key }), h("span", { "aria-hidden": "true" }, " ✕")));
  if (rows.length === 0) {
    root.replaceChildren(h("p", { class: "empty" }, t(chosen ? "empty.item" : "empty.why")));
    return;
  }
  if (!root.querySelector("table")) {
    root.replaceChildren(h("table", {}, h("thead", {}, h("tr", {})), h("tbody", {})), h("button", { type: "button", class: "quiet more", onclick: older }));
  }
  root.querySelector("thead tr").replaceChildren(...["when", "seen", "what", "answer"].map((name) => h("th", { scope: "col" }, t("head." + name))));
  list(root.querySelector("tbody"), rows, (row) => row.id, drawWhy);
  const more = root.querySelector(".more");
  more.textContent = t("more");
  more.hidden = next === undefined;
}

/** What is done through the bridge names who does it itself. */
function doerOf({ actor, event }) {
  if (actor || "by" in event) return actor ?? (event.by ? { name: event.by } : undefined);
  return event.agent && { name: event.agent, isAgent: true };
}

function drawWhy(row) {
  const by = doerOf(row);
  const actor = by && h("span", { class: "muted" }, " · ", h("bdi", { class: "who", "data-agent": by.isAgent ? "yes" : "no", title: by.isAgent ? t("agent") : undefined }, by.name.slice(0, 60)));
  return h("tr", {},
    h("td", { class: "when" }, h("time", { datetime: new Date(row.at).toISOString() }, when(row.at))),
    h("td", { class: "seen" }, h("span", { class: "via" }, t("via." + row.via)), actor),
    h("td", { class: "what" }, subject(row), " ", h("b", { "data-event": row.event.kind }, happened(row.event)), row.item && [" ", written("span", row.item.title, 140)]),
    h("td", { class: "answer" }, row.asked.map(drawAsked), row.held.map(drawHeld)));
}

function subject(row) {
  if (row.item) return h("button", { type: "button", class: "key", onclick: () => choose({ id: row.item.id, key: row.item.key }) }, row.item.key);
  return h("span", { class: "key" }, row.cycle ? row.project.identifier + " · " + row.cycle.slice(0, 60) : row.project.identifier);
}

function happened(event) {
  const named = (value) => (event.kind === "due" ? day(value) : event.kind === "priority" ? t("priority." + value) : String(value ?? "").slice(0, 120));
  return t("event." + event.kind, { who: (event.name ?? t("someone")).slice(0, 60), from: named(event.from), to: named(event.to) });
}

const arrow = () => h("span", { class: "arrow", "aria-hidden": "true" }, "→");

function drawAsked({ rule, target, fate }) {
  const is = fate?.is ?? "waiting";
  const text = t(fate?.repeat ? "fate.repeat" : "fate." + is, { at: fate?.at && when(fate.at), reason: (fate?.reason ?? "").slice(0, 300) });
  const shown = fate?.message
    ? h("button", { type: "button", class: "fate", "data-is": is, onclick: () => showMessage(fate.message) }, text)
    : h("span", { class: "fate", "data-is": is }, text);
  return h("div", { class: "line" }, h("span", { class: "rule" }, rule.slice(0, 80)), arrow(), h("span", { class: "target" }, target.replace(":", " ").slice(0, 80)), arrow(), shown);
}

function drawHeld({ consumer, why, rule }) {
  return h("div", { class: "line held" }, h("span", {}, "✕ " + consumer + ": " + t("held." + why, { rule: (rule ?? "").slice(0, 80) })));
}

/** Says what is new to those who do not see it, and no faster than they can listen. */
function tellNews(rows) {
  const latest = rows[0];
  const fresh = newest === undefined ? [] : rows.filter((row) => row.id < newest);
  if (latest && (newest === undefined || latest.id < newest)) newest = latest.id;
  if (fresh.length === 0) return;
  unsaid += fresh.length;
  at("news").dataset.what = (latest.item?.key ?? latest.cycle ?? latest.project.name) + " " + happened(latest.event);
  if (!sayingNews) sayNews();
}

function sayNews() {
  sayingNews = undefined;
  if (unsaid === 0) return;
  at("news").textContent = t(unsaid === 1 ? "news.one" : "news.many", { n: unsaid, what: at("news").dataset.what });
  unsaid = 0;
  sayingNews = setTimeout(sayNews, BETWEEN_NEWS);
}
`;
