/** Fetches what the page shows, and what people do to it. */
export const MAIN_SCRIPT = `
const listeners = [];
let lastBoard;
let project = kept("project") ?? "";

/** Called with each board. */
export function onBoard(listener) {
  listeners.push(listener);
  if (lastBoard) listener(lastBoard);
}

/** Milliseconds an answer may take; one that never comes must not keep those after it waiting. */
const PATIENCE = 20_000;

export async function ask(path, init) {
  const unreachable = () => Promise.reject(new Error(t("unreachable")));
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), ...init }).catch(unreachable);
  if (answer.status === 401 && !path.startsWith("/api/session")) {
    showSignIn();
    throw new Error("401");
  }
  const body = await answer.json().catch(() => (answer.ok ? unreachable() : {}));
  if (!answer.ok) throw Object.assign(new Error(body.error?.message ?? String(answer.status)), { code: body.error?.code });
  return body;
}

let working = false;
let again = false;

/** Fetches everything anew; asked while it does, once more afterwards. */
export async function refresh() {
  again = true;
  if (working) return;
  working = true;
  while (again) {
    again = false;
    const filter = whyFilter();
    const query = project ? "?project=" + encodeURIComponent(project) : "";
    await Promise.all([
      part("board", "/api/board" + query, showBoard),
      part("why", whyPath(), (answer) => filter === whyFilter() && showTrail(answer)),
      part("chat", "/api/chat", (answer) => {
        at("say").hidden = !answer.write;
        drawMessages(answer.messages);
      }),
      part("agents", "/api/agents", drawAgents),
    ]);
  }
  working = false;
}

async function part(id, path, show) {
  const trouble = at(id).querySelector(".trouble");
  try {
    show(await ask(path));
    const hadFocus = trouble.contains(document.activeElement);
    trouble.replaceChildren();
    if (hadFocus) focusOn(at(id));
  } catch (thrown) {
    troubled(trouble, thrown);
  }
}

function troubled(trouble, { message }) {
  if (!at("sign-in").hidden || !at("lost").hidden) return;
  const what = t("failed", { reason: message });
  // Said once, not with each try.
  if (trouble.firstChild?.textContent === what) return;
  trouble.replaceChildren(h("p", {}, what), h("button", { type: "button", onclick: refresh }, t("retry")));
}

/** Whose trail is shown. */
function whyFilter() {
  return String(new URLSearchParams(chosen ? { item: chosen.id } : project ? { project } : {}));
}

function whyPath(before) {
  const query = new URLSearchParams(whyFilter());
  query.set("limit", before ? LINES : Math.min(200, trailMost));
  if (before) query.set("before", before);
  return "/api/why?" + query;
}

function anotherTrail() {
  trailRows = [];
  trailMost = LINES;
}

/** The newest lines, and under them those that were asked for before. */
function showTrail({ rows, next }) {
  const last = rows.at(-1)?.id;
  const all = [...rows, ...(next === undefined ? [] : trailRows.filter(({ id }) => id > last))];
  const shown = all.slice(0, trailMost);
  drawTrail(shown, shown.length < all.length ? shown.at(-1).id : all.length > rows.length ? trailNext : next);
  if (!chosen) tellNews(rows);
}

async function older() {
  const filter = whyFilter();
  try {
    const { rows, next } = await ask(whyPath(trailNext));
    if (filter !== whyFilter()) return;
    const known = new Set(trailRows.map(({ id }) => id));
    trailMost = Math.max(trailMost, trailRows.length) + rows.length;
    drawTrail([...trailRows, ...rows.filter(({ id }) => !known.has(id))], next);
    if (next === undefined) focusOn(at("why"));
  } catch (thrown) {
    troubled(at("why").querySelector(".trouble"), thrown);
  }
}

function showBoard(board) {
  lastBoard = board;
  const choices = [["", t("projects.all")], ...board.projects.map(({ identifier, name }) => [identifier, name + " (" + identifier + ")"])];
  // Remembered from another time: it is not there any more, or not here.
  if (project && board.projects.length > 0 && !board.projects.some(({ identifier }) => identifier === project)) showProject("");
  list(at("projects"), choices, ([value]) => "p:" + value, ([value, text]) => h("option", { value }, text.slice(0, 60)));
  at("projects").value = project;
  const { plane, telegram } = board.health;
  at("health").replaceChildren(...[healthOf("Plane", plane), telegram && healthOf("Telegram", telegram, board.waiting.telegram), board.set_aside > 0 && h("span", { class: "dot", "data-is": "bad" }, t("health.set_aside", { n: board.set_aside }))].filter(Boolean));
  at("sign-out").hidden = board.demo;
  drawBoard(board);
  for (const listener of listeners) listener(board);
}

function healthOf(name, { ok, error }, waiting) {
  const is = ok ? "good" : ok === null ? "unknown" : "bad";
  const text = t("health." + is, { part: name, reason: error ?? "" });
  return h("span", { class: "dot", "data-is": is, title: text }, h("span", { "aria-hidden": "true" }, name, waiting > 0 && " · " + t("health.waiting", { n: waiting })), h("span", { class: "sr" }, text));
}

/** Shows the trail of one task, or of everything. */
export function choose(item) {
  const before = chosen;
  chosen = item && item.id !== chosen?.id ? item : undefined;
  markChosen();
  anotherTrail();
  if (chosen) view("why");
  refresh();
  if (chosen && !document.activeElement.checkVisibility()) focusOn(at("why"));
  if (!chosen && before) focusOn(document.querySelector('.card[data-key="' + CSS.escape(before.id) + '"] button'), at("why"));
}

function showProject(identifier) {
  project = identifier;
  kept("project", project);
  anotherTrail();
  newest = undefined;
  refresh();
}

/** On a narrow screen one part is shown at a time. */
function view(name) {
  document.body.dataset.view = name;
  for (const one of document.querySelectorAll("#views button")) one.setAttribute("aria-current", String(one.dataset.view === name));
  if (!at("views").checkVisibility()) return;
  if (name === "chat") showLatest();
  else document.scrollingElement.scrollTop = 0;
}

let signedInAt;

function showSignIn() {
  // Over http, browsers do not keep what was given for https.
  if (signedInAt && Date.now() - signedInAt < PATIENCE) at("sign-in-problem").textContent = t("sign.cookie");
  signedInAt = undefined;
  rest();
  forgetToken();
  at("sign-in").hidden = false;
  at("lost").hidden = true;
  document.body.classList.add("signed-out");
  at("token").focus();
}

async function signIn(event) {
  event.preventDefault();
  at("sign-in-problem").textContent = "";
  try {
    const body = JSON.stringify({ token: at("token").value });
    await ask("/api/session", { method: "POST", headers: { "content-type": "application/json" }, body });
    at("token").value = "";
    signedInAt = Date.now();
    at("sign-in").hidden = true;
    document.body.classList.remove("signed-out");
    focusOn(at("board"), at("why"), at("chat"));
    start();
  } catch (thrown) {
    const said = { unauthorized: "sign.wrong", bad_request: "sign.wrong", rate_limited: "sign.often" }[thrown.code];
    at("sign-in-problem").textContent = said ? t(said) : thrown.message;
    at("token").select();
  }
}

function start() {
  connect();
  refresh();
}

at("sign-in").addEventListener("submit", signIn);
at("say").addEventListener("submit", sayIt);
at("say").addEventListener("keydown", (event) => event.key === "Escape" && replyTo && replyWith(undefined));
at("sign-out").addEventListener("click", () => ask("/api/session", { method: "DELETE" }).then(() => location.reload(), lost));
at("projects").addEventListener("change", (event) => showProject(event.target.value));
at("language").addEventListener("change", (event) => {
  lang = event.target.value;
  kept("language", lang);
  sayAll();
  document.dispatchEvent(new Event("language"));
  if (source?.readyState === EventSource.OPEN) online();
  refresh();
});
at("views").addEventListener("click", (event) => event.target.dataset.view && view(event.target.dataset.view));
addEventListener("keydown", (event) => event.key === "Escape" && chosen && !event.target.closest("input, select") && choose(undefined));

sayAll();
at("language").value = lang;
for (const [id, name] of [["columns", "loading"], ["trail", "loading"], ["messages", "loading"]]) at(id).append(h("p", { class: "empty" }, t(name)));
view("board");
start();
`;
