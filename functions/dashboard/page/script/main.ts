/** Fetches what the page shows, and what people do to it. */
export const MAIN = `
const listeners = [];
let lastBoard;
let project = kept("project") ?? "";

/** Called with each board. */
export function onBoard(listener) {
  listeners.push(listener);
  if (lastBoard) listener(lastBoard);
}

export async function ask(path, init) {
  const answer = await fetch(path, { cache: "no-store", ...init });
  if (answer.status === 401 && !path.startsWith("/api/session")) {
    showSignIn();
    throw new Error("401");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error?.message ?? String(answer.status));
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
    const query = project ? "?project=" + encodeURIComponent(project) : "";
    await Promise.all([
      part("board", "/api/board" + query, showBoard),
      part("why", whyPath(), (answer) => showTrail(answer)),
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
    trouble.replaceChildren();
  } catch (thrown) {
    if (!at("sign-in").hidden || !at("lost").hidden) return;
    trouble.replaceChildren(h("p", {}, t("failed", { reason: thrown.message })), h("button", { type: "button", onclick: refresh }, t("retry")));
  }
}

function whyPath(before) {
  const query = new URLSearchParams({ limit: String(before ? 50 : Math.min(200, Math.max(50, trailRows.length))) });
  if (chosen) query.set("item", chosen.id);
  else if (project) query.set("project", project);
  if (before) query.set("before", before);
  return "/api/why?" + query;
}

function showTrail({ rows, next }) {
  drawTrail(rows, next);
  if (!chosen) tellNews(rows);
}

async function older() {
  const { rows, next } = await ask(whyPath(trailNext));
  drawTrail([...trailRows, ...rows], next);
}

function showBoard(board) {
  lastBoard = board;
  const choices = [["", t("projects.all")], ...board.projects.map(({ identifier, name }) => [identifier, name + " (" + identifier + ")"])];
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
  trailRows = [];
  if (chosen) view("why");
  refresh();
  if (!chosen && before) document.querySelector('.card[data-key="' + CSS.escape(before.id) + '"] button')?.focus();
}

/** On a narrow screen one part is shown at a time. */
function view(name) {
  document.body.dataset.view = name;
  for (const one of document.querySelectorAll("#views button")) one.setAttribute("aria-current", String(one.dataset.view === name));
}

function showSignIn() {
  source?.close();
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
    at("sign-in").hidden = true;
    document.body.classList.remove("signed-out");
    start();
  } catch (thrown) {
    at("sign-in-problem").textContent = thrown.message;
    at("token").select();
  }
}

function start() {
  connect();
  refresh();
}

at("sign-in").addEventListener("submit", signIn);
at("say").addEventListener("submit", sayIt);
at("sign-out").addEventListener("click", () => ask("/api/session", { method: "DELETE" }).then(() => location.reload()));
at("projects").addEventListener("change", (event) => {
  project = event.target.value;
  kept("project", project);
  trailRows = [];
  refresh();
});
at("language").addEventListener("change", (event) => {
  lang = event.target.value;
  kept("language", lang);
  sayAll();
  document.dispatchEvent(new Event("language"));
  if (source?.readyState === EventSource.OPEN) online();
  refresh();
});
at("views").addEventListener("click", (event) => event.target.dataset.view && view(event.target.dataset.view));
addEventListener("keydown", (event) => event.key === "Escape" && chosen && choose(undefined));

sayAll();
at("language").value = lang;
for (const [id, name] of [["columns", "loading"], ["trail", "loading"], ["messages", "loading"]]) at(id).append(h("p", { class: "empty" }, t(name)));
view("board");
start();
`;
