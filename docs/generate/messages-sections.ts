/** docs/messages.md: every text that a person can receive, in both languages, rendered with sample values. */

import { addNotification, EMPTY_BURST, renderBurst } from "../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../functions/telegram/presentation/presentation.ts";
import { formatTemplate, LOCALES, type Locale } from "../../shared/i18n/localize.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import { htmlToLines } from "../../shared/markdown/plain-text.ts";
import { type AnyEvent, EVENT_KINDS, type EventKind } from "../../shared/task/events.ts";
import type { ActionBody, EventFacts } from "../../shared/task/rule-set.ts";
import { renderTable } from "./markdown.ts";
import { renderRequestMessages } from "./request-messages.ts";

type TextTable = { [name: string]: string | TextTable };

/** The texts that people receive, by their place in `shared/i18n`, with the heading above them. */
export const RECEIVED_TEXTS: Readonly<Record<string, string>> = {
  "telegram.events": "Headlines, alone and in a message that counts",
  "telegram.closedProject": "A project that was closed without result",
  "telegram.fields": "Labels of a notification",
  "telegram.losses": "Why work stopped",
  "telegram.statuses": "Statuses",
  "telegram.priorities": "Priorities",
  "telegram.answers": "Replies to commands",
  "telegram.freeText": "Replies to free text",
  "telegram.live": "Requests and progress",
  "telegram.cycles": "Cycles",
  "telegram.digest": "Daily digest and budget",
  "telegram.refusals": "Refusals",
  telegram: "Parts of messages",
  brakes: "Agents and months above a limit",
  wakes: "Agents that do not react",
  notices: "Faults of the system",
  why: "Why nothing happens with a task",
  setup: "The set-up list",
  canary: "Webhooks",
  comments: "Comments in Plane",
  card: "The agent card in Plane",
  schedules: "Recurring work",
};

/** What people read elsewhere: on the page, in what `provision` creates, or as the words of a schedule. */
export const OTHER_TEXTS: readonly string[] = ["page", "pageViews", "sampleTasks", "personas", "scheduleWords"];

const AT = "2026-11-21T08:00:00.000000Z";
const PLANE = "https://plane.example.com";

const ITEM: NonNullable<EventFacts["item"]> = {
  id: "item",
  key: "ONB-4",
  title: "Write the welcome mail",
  word: "in_progress",
  priority: "high",
  due: "2026-11-30",
  url: `${PLANE}/crew/browse/ONB-4/`,
  assignees: ["Thot"],
  agent: "Thot",
  labels: [],
  blockers: [],
  dependants: 0,
};

const PROJECT: NonNullable<EventFacts["project"]> = {
  id: "project",
  identifier: "ONB",
  name: "Onboarding",
  url: `${PLANE}/crew/projects/project/issues/`,
};

const ADA = { id: "ada", name: "Ada", isAgent: false };
const THOT = { id: "thot", name: "Thot", isAgent: true };
const QUESTION = "Formal or friendly?";
const PLAN = { plan: "plan", agent: "Concierge", title: "Dark mode" };

/** A sample of each event; those without an entry have no fields. */
const EVENTS: { [Event in AnyEvent as Event["kind"]]?: Omit<Event, "kind"> } = {
  assigned: { who: "Thot" },
  unassigned: { who: "Thot" },
  renamed: { from: "Write a mail" },
  due: { from: null, to: "2026-11-30" },
  priority: { from: "medium", to: "high" },
  comment_added: { comment: "comment", author: "ada" },
  comment_edited: { comment: "comment", author: "ada" },
  answered: { question: "question", agent: "Thot", text: "Friendly", by: "Ada (Telegram)" },
  critical: { comment: "comment", agent: "Thot", text: "The mail server refuses **all** messages." },
  claim_lost: { agent: "Thot", why: "expired", since: AT, minutes: 15 },
  addressed: { agent: "Thot", remark: "remark", by: "Ada", text: "Please mention the new office." },
  sent_back: { agent: "Thot", by: "Ada (Telegram)", reason: "The address is missing." },
  stuck: { blocker: "ONB-3", why: "cancelled" },
  circle: { path: ["ONB-4", "ONB-5", "ONB-4"] },
  failed: { agent: "Thot", text: "", refusal: { name: "planeUnavailable" } },
  ticket: {
    ticket: "ONB-4",
    run: 1,
    from: "running",
    state: "done",
    reason: "updated",
    text: "The mail is written.",
    by: null,
  },
  plan_approved: { ...PLAN, by: "Ada (Telegram)" },
  plan_rejected: { ...PLAN, by: "Ada (Telegram)", reason: "No green, please." },
  plan_failed: { ...PLAN, text: "", refusal: { name: "planeUnavailable" } },
  plan_completed: { ...PLAN, tasks: 3 },
};

/** What else is known with the sample of an event, besides its task and project. */
const FACTS: { [Kind in EventKind]?: Partial<EventFacts> } = {
  started: { actor: THOT },
  blocked: { item: { ...ITEM, word: "blocked", blockers: [{ key: "ONB-3", title: "Find the addresses" }] } },
  completed: {
    item: {
      ...ITEM,
      word: "done",
      timeSpentMs: 5_400_000,
      cost: 0.42,
      result: {
        text: "The mail is written and was read twice.",
        files: [{ name: "mail.md", url: `${PLANE}/mail` }],
        count: 1,
      },
    },
    actor: THOT,
  },
  cancelled: { item: { ...ITEM, word: "cancelled" }, actor: ADA },
  comment_added: { comment: { id: "comment", text: "Please mention the new office." }, actor: ADA },
  comment_edited: { comment: { id: "comment", text: "Please mention both offices." }, actor: ADA },
  project_completed: { totals: { done: 5, cancelled: 1, timeSpentMs: 36_000_000, cost: 4.1 } },
};

const CYCLE = { id: "cycle", name: "Sprint 7", start: "2026-11-16", end: "2026-11-29", done: 4, total: 10 };

/** Values of the placeholders of all texts. A new placeholder needs one here. */
const VALUES: Readonly<Record<string, string>> = {
  people: "Ada",
  cli: "Codex",
  place: "Firefox, Linux (203.0.113.7)",
  answers: "approve, send_back, reject",
  ...{ runner: "build-1", seconds: "1.2", field: "cron", list: "backup-check (its assignee is gone)" },
  ...{ n: "3", number: "1", count: "2", done: "4", total: "10", closed: "4", limit: "255", minutes: "15" },
  ...{ task: "ONB-4 Write the welcome mail", key: "ONB-4", keys: "ONB-4, ONB-5", tasks: "ONB-4, ONB-5" },
  ...{ blocker: "ONB-3", blockers: "ONB-3", path: "ONB-4 → ONB-5 → ONB-4", title: "Write the welcome mail" },
  ...{ project: "Onboarding", projects: "Onboarding, Web", what: "Onboarding", plan: "Dark mode", page: "page" },
  ...{
    request: "a question from Thot",
    progress: ", 60 %",
    others: "ONB-5",
    times: "2",
    state: "Backlog",
    ready: "Todo",
    subject: "ONB-3",
  },
  ...{ sources: "10.0.0.7, 192.0.2.1", usual: "40", amount: "$200.00" },
  ...{ agent: "Thot", agents: "Thot, Imhotep", by: "Ada", who: "Ada", name: "Thot", names: "Thot, Imhotep" },
  ...{ text: "Friendly, please.", question: QUESTION, reason: "no answer", why: "new task", word: "staus" },
  ...{ when: "08:00", at: "08:00", time: "08:00", since: "08:00", until: "09:30", start: "Nov 21, 2026" },
  ...{ date: "Nov 30, 2026", age: "1 min", duration: "1 hr 30 min", month: "November", seconds: "20" },
  ...{ percent: "60%", threshold: "80%", spent: "$160.00", open: "$12.00", budget: "$200.00", missing: "" },
  ...{ priority: "high", status: "done", fields: "title", from: "08:00", to: "09:30", entry: "…", id: "4f1c" },
  ...{
    commit: "3f1c2b7e",
    branch: "claude/ONB-4",
    pull: "https://git.example.com/onb/app/pulls/4",
    files: "3",
    insertions: "120",
    deletions: "8",
    cost: "$0.42",
  },
  ...{ command: "npm test", problem: "exit code 1", tests: "12 passed", setting: "ADMIN_TOKEN", system: "Plane" },
  ...{ detail: "name", nonce: "4f1c", words: "Ada: Friendly, please.", sum: "$0.60", parts: "Thot $0.42" },
  ...{ confidence: "0.6", estimate: "1 hr", file: "mail.md", size: "1.5 KB", subject: "Thot", version: "1.4.0" },
  ...{
    tested: "1.2.2 and 1.3.1",
    newest: "1.4.0",
    backup: "2026-11-23T03-00-00Z",
    difference: "2 hr",
    remedy: "Start it.",
    rule: "Bash(npm test:*)",
  },
};

/** Those of them that French writes in its own way. */
const FRENCH_VALUES: Readonly<Record<string, string>> = {
  request: "une question de Thot",
  ...{ date: "30 nov. 2026", start: "21 nov. 2026", duration: "1 h 30 min", month: "novembre", priority: "haute" },
  ...{ status: "terminée", fields: "titre", reason: "aucune réponse", why: "nouvelle tâche", problem: "code 1" },
  ...{ percent: "60 %", threshold: "80 %", spent: "160,00 $US", open: "12,00 $US", budget: "200,00 $US" },
  ...{ cost: "0,42 $US", sum: "0,60 $US", parts: "Thot 0,42 $US", confidence: "0,6", size: "1,5 Ko" },
  ...{ amount: "200,00 $US", estimate: "1 h", difference: "2 h", remedy: "Démarrez-le.", detail: "nom" },
};

/** Placeholders that mean something else in one text than in the others. */
const OWN_VALUES: Readonly<Record<string, Partial<Record<Locale, Record<string, string>>>>> = {
  "telegram.answers.usualTime": { en: { time: "2 hr" }, fr: { time: "2 h" } },
  "telegram.answers.signIn.hint": { en: { name: "Ada" }, fr: { name: "Ada" } },
  "telegram.digest.estimate": { en: { what: "2 hr" }, fr: { what: "2 h" } },
  "telegram.digest.sinceBefore": { en: { when: "Nov 1, 2026" }, fr: { when: "1 nov. 2026" } },
  "telegram.live.reviewClosed": { en: { word: "done" }, fr: { word: "terminée" } },
  "comments.review": { en: { threshold: "0.8" }, fr: { threshold: "0,8" } },
  "comments.ticket.time": { en: { time: "2 hr" }, fr: { time: "2 h" } },
};

/** Renders one message about each event, as it is sent alone, and one of several events. */
export function renderNotifications(): string {
  const kinds = EVENT_KINDS.filter((kind) => !["asked", "review", "plan_proposed"].includes(kind));
  const sections = kinds.map((kind) => renderMessage(kind, [createSample(kind)]));
  const several = renderMessage(
    "Several within 20 s",
    (["started", "completed", "blocked"] as const).map((kind) => createSample(kind)),
  );
  const many = Array.from({ length: 12 }, (_, i) => createSample("completed", `ONB-${i + 1}`));
  return [...sections, several, renderMessage("More than ten within 20 s", many)].join("\n\n");
}

function createSample(kind: EventKind, key = ITEM.key): ActionBody {
  const isOfTask = !/^(project|cycle|plan)_/.test(kind);
  const facts: EventFacts = {
    ...(isOfTask ? { item: { ...ITEM, key } } : {}),
    ...(kind.startsWith("cycle_") ? { cycle: CYCLE } : {}),
    ...(kind.startsWith("plan_") ? {} : { project: PROJECT }),
    at: AT,
    ...FACTS[kind],
  };
  const item = facts.item && { ...facts.item, key };
  // The table has the fields of each kind.
  const event = { kind, ...EVENTS[kind] } as AnyEvent;
  return { event, facts: { ...facts, ...(item ? { item } : {}) }, correlation: "sample" };
}

function renderMessage(heading: string, notifications: readonly ActionBody[]): string {
  const burst = notifications.reduce(addNotification, EMPTY_BURST);
  const cells = LOCALES.map((locale) => {
    const presentation = createPresentation({ locale, plane: { url: PLANE } });
    return renderBurst(burst, presentation).text.replaceAll("\u2060", "");
  });
  return `### ${heading}\n\n${renderMessages([cells])}`;
}

/** Renders the messages that wait for an answer, and what they show after it. */
export async function renderRequests(): Promise<string> {
  const messages = await renderRequestMessages();
  const sections = messages.map(({ heading, cells }) => [
    `### ${heading}`,
    renderMessages([cells.map((text) => text.replaceAll("\u2060", ""))]),
  ]);
  return sections.flat().join("\n\n");
}

/** Renders all other texts, by their place in a conversation, with sample values. */
export function renderTexts(): string {
  const seen = new Set<string>();
  return Object.entries(RECEIVED_TEXTS)
    .map(([path, heading]) => {
      const rows = listTexts(path).filter(({ name }) => !seen.has(name) && seen.add(name));
      return `## ${heading}\n\n${renderMessages(rows.map(({ texts }) => LOCALES.map((locale) => texts[locale])))}`;
    })
    .join("\n\n");
}

/** Lists the texts below a place, such as `telegram.fields`, filled in, in each language. */
export function listTexts(path: string): { name: string; texts: Record<Locale, string> }[] {
  const [english, french] = LOCALES.map((locale) => listLeaves(path, findTable(getTexts(locale), path)));
  return (english ?? []).flatMap(([name, text], i) => {
    if (name.endsWith(".locale") || text.trim() === "" || text.trim() === ":") return [];
    return { name, texts: { en: fillIn("en", name, text), fr: fillIn("fr", name, french?.[i]?.[1] ?? "") } };
  });
}

function findTable(texts: unknown, path: string): TextTable {
  return path.split(".").reduce((table, name) => (table as Record<string, TextTable>)[name] ?? {}, texts as TextTable);
}

function listLeaves(path: string, table: TextTable): [name: string, text: string][] {
  return Object.entries(table).flatMap(([key, value]) => {
    const name = `${path}.${key}`;
    return typeof value === "string" ? ([[name, value]] as [string, string][]) : listLeaves(name, value);
  });
}

/** Some texts of comments are HTML; all others are plain. */
function fillIn(locale: Locale, name: string, text: string): string {
  const filled = formatTemplate(text, {
    ...VALUES,
    ...(locale === "fr" ? FRENCH_VALUES : {}),
    ...OWN_VALUES[name]?.[locale],
    ...(name.endsWith(".one") ? { n: "1" } : {}),
  });
  const missing = /\{(\w+)\}/.exec(filled)?.[0];
  if (missing) throw new Error(`${name} has no sample value for ${missing}: add one to VALUES.`);
  const isHtml = /^(?:comments|canary)\./.test(name) && /<\/?[a-z]/.test(filled);
  return isHtml ? htmlToLines(filled, 1_000).join("\n") : filled;
}

/** A table with a column for each language, in which nothing is markup. */
function renderMessages(rows: readonly (readonly string[])[]): string {
  return renderTable(
    ["English", "Français"],
    rows.map((cells) => cells.map(escapeMessage)),
  );
}

function escapeMessage(text: string): string {
  return text
    .trim()
    .replace(/[\\`*_[\]<>#]/g, "\\$&")
    .replaceAll("\n", "<br>");
}
