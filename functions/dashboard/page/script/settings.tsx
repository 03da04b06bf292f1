/** The view Settings: agents with their tokens and failed jobs for administrators, and the sessions of the page. */

import { useState } from "preact/hooks";
import type { DeadLettersAnswer } from "../../../operations.ts";
import type { AgentsAnswer, SignInsAnswer } from "../../access-routes.ts";
import { fetchAnswer, fillPath, loadViewer, sendJson } from "./api.ts";
import { type Action, Actions, Button, drawPart, Moment, UserText } from "./elements.tsx";
import { findElement, findElements, focusFirstVisible, getElement } from "./find-elements.ts";
import { onLanguageChange, translate } from "./language.ts";
import { refreshParts } from "./updates.tsx";
import { getView, showView } from "./views.ts";

/** The field of a new token, which is shown once. */
const tokenField = getElement<HTMLInputElement>("agent-token-value");

/** The agent whose new token is shown. */
let renewed = "";

/** Number of all failed jobs; the list has the oldest of them. */
let totalCount = 0;

/** Whether one of the lists of the view is shown. */
function isListOpen(id: "failed-jobs" | "sign-ins"): boolean {
  return getView() === "settings" && getElement<HTMLDetailsElement>(id).open;
}

function focusSummary(id: "agents" | "failed-jobs"): void {
  findElement(getElement(id), "summary").focus();
}

/** Says what a change has done, or with an empty text that another one begins. */
function tell(part: "agent" | "failed-job", text: string): void {
  getElement(`${part}-told`).textContent = text;
}

/** Loads the agents and how many bridge tokens each has. The list is hidden while the page may only read. */
export async function loadAgents(): Promise<void> {
  if (getView() !== "settings") return;
  const { agents, write, path = "" } = await fetchAnswer("/api/agents");
  getElement("agents").hidden = !write || agents.length === 0;
  getElement("agent-where").textContent = translate("agents.where", { path });
  const rows = agents.map((agent) => <AgentRow key={agent.name} {...agent} />);
  drawPart("agent-list", rows);
  drawPart("agent-command", <AgentCommand />);
  showToken(renewed, tokenField.value);
}

function AgentRow({ name, tokens }: AgentsAnswer["agents"][number]) {
  const actions: (Action | false)[] = [
    [translate("agents.new"), () => renewToken(name), translate("agents.new.sure", { name })],
    tokens > 1 && [translate("agents.retire"), () => retireToken(name), translate("agents.retire.sure", { name })],
  ];
  return (
    <li class="line" data-key={name}>
      <UserText tag="b" text={name} max={60} />
      {tokens !== 1 && <span class="muted">{translate(tokens ? "agents.both" : "agents.none")}</span>}
      <Actions class="quiet" subject={name} list={actions} />
    </li>
  );
}

/** The command that adds an agent, with what was filled in. It runs on the server, because it signs in to Plane. */
function AgentCommand() {
  const [agent, setAgent] = useState({ name: "", email: "", wake: "--openclaw" });
  const renderField = (name: keyof typeof agent, label: string) => (
    <input
      value={agent[name]}
      placeholder={label}
      aria-label={label}
      autocomplete="off"
      onInput={({ currentTarget }) => setAgent({ ...agent, [name]: currentTarget.value })}
    />
  );
  const quote = (value: string) => (/^[\w@.+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`);
  const { name, email, wake } = agent;
  return (
    <>
      <div class="line">
        {renderField("name", translate("agents.add.name"))}
        {renderField("email", translate("agents.add.email"))}
        {renderField("wake", "--openclaw, --webhook URL")}
      </div>
      <code dir="ltr">
        {`groundcrew agents add ${quote(name || "NAME")} --email ${quote(email || "EMAIL")} ${wake}`.trim()}
      </code>
    </>
  );
}

function showToken(name: string, token: string): void {
  renewed = name;
  getElement("agent-token").hidden = token === "";
  findElement(getElement("agent-token"), "label").textContent = translate("agents.token", { name });
  tokenField.value = token;
}

async function renewToken(name: string): Promise<void> {
  tell("agent", "");
  const { token } = await sendJson<{ token: string }>(fillPath("/api/agents/:name/token", { name }));
  showToken(name, token);
  tokenField.select();
}

async function retireToken(name: string): Promise<void> {
  tell("agent", "");
  await sendJson(fillPath("/api/agents/:name/retire", { name }));
  tell("agent", translate("agents.retired", { name }));
}

export function forgetToken(): void {
  showToken("", "");
  tell("agent", "");
}

async function copyToken(): Promise<void> {
  tokenField.select();
  // Browsers allow the clipboard over HTTPS and on localhost only. Elsewhere the field stays selected for a copy.
  await navigator.clipboard?.writeText(tokenField.value);
  if (navigator.clipboard) tell("agent", translate("agents.copied"));
}

/** Loads the failed jobs while their list is open. */
export async function loadFailedJobs(): Promise<void> {
  if (!isListOpen("failed-jobs")) return;
  const { dead_letters: jobs } = await fetchAnswer("/dead-letters");
  const hint = jobs.length < totalCount ? translate("failed_jobs.oldest", { n: jobs.length }) : "";
  getElement("failed-job-hint").textContent = jobs.length > 0 ? hint : translate("failed_jobs.none");
  const rows = jobs.map((job) => <FailedJobRow key={`${job.queue} ${job.id}`} {...job} />);
  drawPart("failed-job-list", rows);
}

function FailedJobRow({ queue, id, reason, at, task }: DeadLettersAnswer["dead_letters"][number]) {
  const work = translate(`failed_jobs.queue.${queue}`);
  const what = task ? `${work} (${task})` : work;
  async function change(to: "requeued" | "discarded") {
    tell("failed-job", "");
    try {
      if (to === "requeued") await sendJson(fillPath("/dead-letters/:queue/:id/replay", { queue, id }));
      else await sendJson(fillPath("/dead-letters/:queue/:id", { queue, id }), undefined, "DELETE");
      tell("failed-job", translate(`failed_jobs.${to}`, { what }));
      focusSummary("failed-jobs");
    } finally {
      refreshParts(["board", "failed-jobs"]);
    }
  }
  const actions: Action[] = [
    [translate("failed_jobs.requeue"), () => change("requeued")],
    [translate("failed_jobs.discard"), () => change("discarded"), translate("failed_jobs.discard.sure", { what, id })],
  ];
  return (
    <li data-key={`${queue} ${id}`}>
      <p class="line">
        <b>{what}</b>
        <Moment class="muted" at={at} />
      </p>
      <UserText tag="p" text={reason} max={600} />
      <div class="line">
        <Actions class="quiet" subject={`${what} ${id}`} list={actions} />
        <details class="technical">
          <summary>{translate("technical")}</summary>
          <code dir="auto">{`${queue} ${id}`.slice(0, 300)}</code>
        </details>
      </div>
    </li>
  );
}

/** Shows the number of failed jobs in the header and at the list; the one in the header opens the list. */
export function showFailedCount(count: number): void {
  totalCount = count;
  const button = getElement("failed-count");
  const isFocused = button === document.activeElement;
  button.textContent = translate("health.set_aside", { n: count });
  button.hidden = count === 0;
  getElement("failed-job-count").textContent = String(count || "");
  if (count === 0 && isFocused) focusFirstVisible(...findElements(document, "main > section"));
}

/** Opens the list of failed jobs and moves the focus to it. */
export function openFailedJobs(): void {
  showView("settings");
  getElement<HTMLDetailsElement>("failed-jobs").open = true;
  focusSummary("failed-jobs");
}

/** Loads the open sessions of who is signed in, for an admin of all, while their list is open. */
export async function loadSignIns(): Promise<void> {
  await loadViewer();
  if (!isListOpen("sign-ins")) return;
  const { sign_ins } = await fetchAnswer("/api/sign-ins");
  drawPart("sign-ins-view", <SignIns sessions={sign_ins} />);
}

function SignIns({ sessions }: { sessions: SignInsAnswer["sign_ins"] }) {
  const end = (path: string) => sendJson(path, undefined, "DELETE").then(loadSignIns);
  const endOne = (id: string): Action => [translate("account.end"), () => end(fillPath("/api/sign-ins/:id", { id }))];
  const rows = sessions.map(({ id, name, browser, address, used_at, current }) => (
    <li key={id} class="line" data-key={id}>
      <b dir="auto">{name}</b>
      <span class="muted">
        {browser} · {address} · {translate("account.used")} <Moment at={used_at} />
      </span>
      {current && <span>{translate("account.this")}</span>}
      <Actions class="quiet" subject={`${name}, ${browser}`} list={[!current && endOne(id)]} />
    </li>
  ));
  return (
    <>
      {rows.length === 0 && <p class="muted">{translate("account.none")}</p>}
      <ul>{rows}</ul>
      {rows.length > 1 && (
        <Button class="quiet" text={translate("account.end_others")} onPress={() => end("/api/sign-ins")} />
      )}
    </>
  );
}

addEventListener("pagehide", forgetToken);

onLanguageChange(() => tell("agent", ""));

// A refresh shows why a list cannot be loaded; a toggle also happens before anybody has signed in.
for (const id of ["failed-jobs", "sign-ins"]) getElement(id).addEventListener("toggle", () => refreshParts([id]));

getElement("failed-count").addEventListener("click", openFailedJobs);
getElement("agent-copy").addEventListener("click", () => copyToken().catch(() => {}));
getElement("agent-close").addEventListener("click", () => {
  forgetToken();
  focusSummary("agents");
});
tokenField.addEventListener("focus", () => tokenField.select());
