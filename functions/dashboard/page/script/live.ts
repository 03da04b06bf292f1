/** Hears that something changed, and finds the way back when the line is broken. */
export const LIVE_SCRIPT = `
/** Milliseconds until the next try; each that fails doubles it. */
const FIRST = 500;
const LONGEST = 10_000;
/** The server says something every 15 s. */
const SILENCE = 40_000;
/** A line that is cut off without a word answers nothing at all. */
const ALIVE = 5_000;

let source;
let backoff = FIRST;
let watchdog;
let countdown;

function connect() {
  rest();
  if (document.hidden || !at("sign-in").hidden) return;
  source = new EventSource("/api/events");
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENCE);
  };
  source.addEventListener("change", () => {
    alive();
    backoff = FIRST;
    online();
    refresh();
  });
  source.addEventListener("beat", alive);
  source.addEventListener("again", connect);
  source.onerror = lost;
  alive();
}

/** A browser opens six connections to one place, over all its pages: one that nobody looks at gives its own back. */
function rest() {
  source?.close();
  clearTimeout(watchdog);
  clearTimeout(countdown);
}

function online() {
  if (!at("lost").hidden) at("news").textContent = t("live.back");
  at("live").dataset.is = "on";
  at("live").textContent = t("live.on");
  at("lost").hidden = true;
  at("lost-what").textContent = "";
  document.body.classList.remove("offline");
}

async function lost() {
  rest();
  if (!at("sign-in").hidden) return;
  at("live").dataset.is = "off";
  at("live").textContent = "";
  const status = await fetch("/api/chat", { cache: "no-store", signal: AbortSignal.timeout(ALIVE) }).then((answer) => answer.status, () => 0);
  if (status === 401) return showSignIn();
  if (document.hidden) return;
  const wait = Math.round(backoff * (0.75 + Math.random() / 2));
  backoff = Math.min(backoff * 2, LONGEST);
  // The page is served and only the stream is not: all streams are taken.
  const full = status === 200 && backoff > 4 * FIRST;
  document.body.classList.toggle("offline", status === 0);
  sayLost(full, Date.now() + wait);
  if (full) refresh();
}

function sayLost(full, until) {
  clearTimeout(countdown);
  const left = until - Date.now();
  if (left <= 0) return connect();
  at("lost").hidden = false;
  // Said once, not each second, to those who hear it.
  const what = t(full ? "live.full" : "live.lost");
  if (at("lost-what").textContent !== what) at("lost-what").textContent = what;
  at("lost-wait").textContent = full ? "" : t("live.wait", { n: Math.ceil(left / 1000) });
  countdown = setTimeout(() => sayLost(full, until), Math.min(left, 1000));
}

addEventListener("online", connect);
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : connect()));
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && connect());
`;
