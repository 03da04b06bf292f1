/** The messages of requests, and the list of what waits, as their renderers make them from samples. */

import type { DeliveryContext } from "../../functions/telegram/delivery/context.ts";
import {
  renderRequest as renderMessage,
  toRequestMessage,
} from "../../functions/telegram/live-messages/live-messages.ts";
import { renderStatus, WAITING_SUBJECT } from "../../functions/telegram/live-messages/status-messages.ts";
import { createPresentation } from "../../functions/telegram/presentation/presentation.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import { LOCALES, type Locale } from "../../shared/i18n/localize.ts";
import { toRequestPut } from "../../shared/requests/requests.ts";
import type { RequestRecord, RequestVerdict } from "../../shared/task/request.ts";
import { type PlanRun, toPlanRequestId, toPlanRunPut } from "../../shared/tasks/plan-record.ts";

const PLANE = "https://plane.example.com";
const CHAT = 1;
const NOW = Date.parse("2026-11-21T08:00:00Z");

const TASK = { item: "item", key: "ONB-4", title: "Write the welcome mail", url: `${PLANE}/crew/browse/ONB-4/` };

const COMMON = {
  from: "Thot",
  urgency: "normal",
  createdAt: NOW,
  reminders: 0,
  input: [],
  hash: "0123456789abcdef",
  options: [],
} as const satisfies Partial<RequestRecord>;

const PLAN_RUN: PlanRun = {
  id: "plan",
  plan: {
    project: "Dark mode",
    tasks: [
      { id: "a", title: "Choose the colours", assignee: "Imhotep", estimate: { minutes: 40, cost: 1.2 } },
      { id: "b", title: "Build the switch", assignee: "Thot", blocked_by: ["a"], estimate: { minutes: 90, cost: 3 } },
    ],
  },
  hash: "0123456789abcdef",
  agent: "Concierge",
  state: "awaiting_approval",
  at: NOW,
  complete: [],
};

const PLAN_ID = toPlanRequestId(PLAN_RUN);

/** A sample of each kind of request that is shown by a renderer, and the answers to it. */
const SAMPLES: { heading: string; request: RequestRecord; answers: Pick<RequestVerdict, "answer" | "comment">[] }[] = [
  {
    heading: "Question",
    request: {
      ...COMMON,
      id: "question",
      kind: "question",
      subject: TASK,
      text: "Formal or **friendly**?",
      answers: ["answer"],
      options: [{ label: "Formal" }, { label: "Friendly" }],
    },
    answers: [{ answer: "answer", comment: "Friendly" }],
  },
  {
    heading: "Review",
    request: {
      ...COMMON,
      id: "review",
      kind: "review",
      subject: TASK,
      text: "The mail is written and was read twice.",
      input: [{ label: "Confidence", value: "0.6" }],
      answers: ["approve", "reject", "send_back"],
    },
    answers: [{ answer: "approve" }, { answer: "send_back", comment: "The address is missing." }],
  },
  {
    heading: "Plan",
    request: {
      ...COMMON,
      id: PLAN_ID,
      kind: "plan",
      from: "Concierge",
      subject: { title: "Dark mode", plan: "plan" },
      text: "",
      input: [{ label: "Task 1", value: "Choose the colours" }],
      answers: ["approve", "reject", "send_back"],
    },
    answers: [{ answer: "approve" }, { answer: "reject" }],
  },
];

/** Renders each request while it waits and after each answer, then the list of all of them, in both languages. */
export async function renderRequestMessages(): Promise<{ heading: string; cells: string[] }[]> {
  const messages: { heading: string; cells: string[] }[] = [];
  for (const { heading, request, answers } of SAMPLES) {
    const verdicts = answers.map((answer) => ({
      ...answer,
      by: "Ada (Telegram)",
      where: "telegram" as const,
      at: NOW,
    }));
    for (const shown of [request, ...verdicts.map((verdict) => ({ ...request, verdict }))]) {
      const cells = await Promise.all(LOCALES.map((locale) => renderRequest(locale, shown)));
      messages.push({ heading: shown.verdict ? `${heading}, answered` : heading, cells });
    }
  }
  const requests = SAMPLES.map(({ request }) => request);
  const lists = await Promise.all(LOCALES.map((locale) => renderList(locale, requests)));
  return [...messages, { heading: "What waits", cells: lists }];
}

async function renderRequest(locale: Locale, request: RequestRecord): Promise<string> {
  const context = await createContext(locale, [request]);
  const view = await renderMessage(context, toRequestMessage(request));
  const rows = (view.buttons ?? []).map((row) => row.map(({ text }) => `[${text}]`).join(" "));
  return [view.rich.text, ...rows].join("\n");
}

async function renderList(locale: Locale, requests: readonly RequestRecord[]): Promise<string> {
  const context = await createContext(locale, requests);
  return (await renderStatus(context, WAITING_SUBJECT))?.rich.text ?? "";
}

/** Creates what the renderers use of a delivery: the settings, and a store with these requests. */
async function createContext(locale: Locale, requests: readonly RequestRecord[]): Promise<DeliveryContext> {
  const store = createMemoryStore({ clock: () => NOW });
  await store.commit({ put: [...requests.map(toRequestPut), toPlanRunPut(PLAN_RUN)] });
  const settings = { locale, plane: { url: PLANE, workspace: "crew" }, telegram: { chat: CHAT } };
  const deps = { store, settings };
  return { deps, chat: CHAT, presentation: createPresentation(settings) } as unknown as DeliveryContext;
}
