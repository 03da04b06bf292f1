import { fetchJson, getProblemText } from "./api.js";
import { createElement, createUserText, findElement, getElement, updateList } from "./dom.js";
import { onLanguageChange, translate } from "./language.js";

/** @import { AgentsAnswer } from "../../api-answers.ts" */
/** @import { TextName } from "./page-types.ts" */

/** Loads the agents and how many bridge tokens each has. The list is hidden while the page may only read. */
export async function loadAgents() {
  /** @type {AgentsAnswer} */
  const { agents, write, path = "" } = await fetchJson("/api/agents");
  getElement("agent-where").dataset["path"] = path;
  showTokenPath();
  getElement("agents").hidden = !write || agents.length === 0;
  updateList(getElement("agent-list"), agents, ({ name }) => name, drawAgent);
}

function showTokenPath() {
  const place = getElement("agent-where");
  place.textContent = translate("agents.where", place.dataset);
}

/** @param {AgentsAnswer["agents"][number]} agent */
function drawAgent({ name, tokens }) {
  /** @param {TextName} text @param {() => void} onclick */
  const createButton = (text, onclick) => {
    const screenReaderName = createElement("span", { class: "sr" }, ` ${name}`);
    return createElement("button", { type: "button", class: "quiet", onclick }, translate(text), screenReaderName);
  };
  const count = translate(tokens ? "agents.both" : "agents.none");
  return createElement(
    "li",
    { class: "line" },
    createUserText("b", name, 60),
    tokens !== 1 && createElement("span", { class: "muted" }, count),
    createButton("agents.new", () => renewToken(name)),
    tokens > 1 && createButton("agents.retire", () => retireToken(name)),
  );
}

/** @param {string} name */
async function renewToken(name) {
  if (!confirm(translate("agents.new.sure", { name }))) return;
  /** @type {{ token: string } | undefined} */
  const renewed = await changeToken(name, "token");
  if (!renewed) return;
  getElement("agent-token-of").dataset["name"] = name;
  labelToken();
  getElement("agent-token").hidden = false;
  getElement("agent-token-value").value = renewed.token;
  getElement("agent-token-value").select();
}

/** @param {string} name */
async function retireToken(name) {
  if (!confirm(translate("agents.retire.sure", { name })) || !(await changeToken(name, "retire"))) return;
  getElement("agent-told").textContent = translate("agents.retired", { name });
}

function labelToken() {
  const label = getElement("agent-token-of");
  label.textContent = translate("agents.token", label.dataset);
  clearMessages();
}

function clearMessages() {
  getElement("agent-problem").textContent = "";
  getElement("agent-told").textContent = "";
}

/**
 * @template Answer
 * @param {string} name @param {"token" | "retire"} change
 * @returns {Promise<Answer | undefined>} undefined when the change failed; the page then shows the reason
 */
async function changeToken(name, change) {
  clearMessages();
  try {
    return await fetchJson(`/api/agents/${encodeURIComponent(name)}/${change}`, { method: "POST" });
  } catch (thrown) {
    getElement("agent-problem").textContent = getProblemText(thrown);
  }
}

export function forgetToken() {
  getElement("agent-token-value").value = "";
  getElement("agent-told").textContent = "";
  getElement("agent-token").hidden = true;
}

async function copyToken() {
  const field = getElement("agent-token-value");
  field.select();
  try {
    // Browsers allow the clipboard over HTTPS and on localhost only. Elsewhere the field stays selected for a copy.
    await navigator.clipboard.writeText(field.value);
    getElement("agent-told").textContent = translate("agents.copied");
  } catch {}
}

getElement("agent-token-value").addEventListener("focus", () => getElement("agent-token-value").select());
getElement("agent-copy").addEventListener("click", copyToken);
getElement("agent-close").addEventListener("click", () => {
  forgetToken();
  findElement(getElement("agents"), "summary").focus();
});
onLanguageChange(labelToken);
onLanguageChange(showTokenPath);
addEventListener("pagehide", forgetToken);
