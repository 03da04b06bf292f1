/** The agents' bridge tokens: a new one is shown once, the old one ends when people say so. */
export const AGENTS_SCRIPT = `
function drawAgents({ agents, write }) {
  at("agents").hidden = !write || agents.length === 0;
  list(at("agent-list"), agents, ({ name }) => name, drawAgent);
}

function drawAgent({ name, tokens }) {
  const button = (text, act) => h("button", { type: "button", class: "quiet", onclick: act }, t(text), h("span", { class: "sr" }, " " + name));
  return h("li", { class: "line" }, written("b", name, 60),
    tokens !== 1 && h("span", { class: "muted" }, t(tokens ? "agents.both" : "agents.none")),
    button("agents.new", () => renew(name)), tokens > 1 && button("agents.retire", () => retire(name)));
}

async function renew(name) {
  if (!confirm(t("agents.new.sure", { name }))) return;
  const made = await change(name, "token");
  if (!made) return;
  at("agent-token-of").dataset.name = name;
  sayWhose();
  at("agent-token").hidden = false;
  at("agent-token-value").value = made.token;
  at("agent-token-value").select();
}

async function retire(name) {
  if (!confirm(t("agents.retire.sure", { name })) || !(await change(name, "retire"))) return;
  at("agent-told").textContent = t("agents.retired", { name });
}

function sayWhose() {
  at("agent-token-of").textContent = t("agents.token", at("agent-token-of").dataset);
  at("agent-told").textContent = at("agent-problem").textContent = "";
}

async function change(name, what) {
  at("agent-problem").textContent = at("agent-told").textContent = "";
  try {
    return await ask("/api/agents/" + encodeURIComponent(name) + "/" + what, { method: "POST" });
  } catch (thrown) {
    at("agent-problem").textContent = thrown.message;
  }
}

function forgetToken() {
  at("agent-token-value").value = at("agent-told").textContent = "";
  at("agent-token").hidden = true;
}

at("agent-token-value").addEventListener("focus", (event) => event.target.select());
at("agent-copy").addEventListener("click", async () => {
  at("agent-token-value").select();
  // Browsers give the clipboard to https and this machine only; the field is selected for the others.
  const done = await navigator.clipboard?.writeText(at("agent-token-value").value).then(() => true, () => false);
  if (done) at("agent-told").textContent = t("agents.copied");
});
at("agent-close").addEventListener("click", () => {
  forgetToken();
  at("agents").querySelector("summary").focus();
});
document.addEventListener("language", sayWhose);
addEventListener("pagehide", forgetToken);
`;
