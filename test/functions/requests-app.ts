import { createTicketRules } from "../../functions/tickets/ticket-rules.ts";
import { claimsTick } from "../../functions/work.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import { HTTP_ADMIN_TOKEN, signIn } from "../support/http-test-app.ts";
import type { TestAppOptions } from "../support/test-app.ts";
import { createMessagesApp } from "./telegram/messages-app.ts";
import { addTicketCalls, RUNNER_TOKEN } from "./tickets/tickets-app.ts";

export type RequestsApp = Awaited<ReturnType<typeof createRequestsApp>>;

/** Until then the agent card in Plane says who works on a task, and what is reviewed. */
const CARD_WRITE_MS = 31_000;

type ListedRequest = Record<"id" | "kind" | "hash", string> & { answers: string[] };

/** Creates the product over HTTP with a chat, a Concierge, and tickets for ONB where a test needs them. */
export async function createRequestsApp(
  options: { hasTickets?: true } & Pick<TestAppOptions, "config" | "store"> = {},
) {
  const { hasTickets, config, store } = options;
  const tickets = hasTickets ? { tickets: { repositories: { ONB: "/srv/onb" } } } : {};
  const messages = await createMessagesApp({
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN, RUNNER_TOKEN },
    config: { ...tickets, ...config },
    ...(store ? { store } : {}),
    parts: { ruleSets: (parsed) => (hasTickets ? [createTicketRules(parsed.tickets)] : []) },
  });
  const app = addTicketCalls(messages);
  const post = app.call;
  async function call(path = "", body?: object, headers: Record<string, string> = {}) {
    const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const token = headers["cookie"] === undefined ? { authorization: `Bearer ${HTTP_ADMIN_TOKEN}` } : {};
    const all = { ...token, "content-type": "application/json", ...headers };
    const response = await fetch(`${app.url}/api/requests${path}`, { ...init, headers: all });
    return { status: response.status, json: (await response.json()) as unknown };
  }
  return Object.assign(app, {
    post,
    call,
    list: async () => (await app.read("/api/requests")).requests as ListedRequest[],
    readRequest: (id: string) => app.read(`/api/requests/${id}`),
    /** Signs in to the page; returns its cookie. */
    async signIn() {
      return { cookie: (await signIn(app.url, HTTP_ADMIN_TOKEN)).cookie, origin: app.url };
    },
  });
}

/** Starts a new process on an empty store, which reads Plane. */
export async function loseStore(app: RequestsApp) {
  await app.advanceAndDrain(CARD_WRITE_MS);
  await app.restart({ store: "lost" });
  await app.listenAgain();
  await app.runFirstPoll();
  await app.poll();
  await claimsTick.run(app.deps);
  await app.advanceAndDrain();
}

/** Adds a work item of ONB, which requests a ticket. */
export async function requestTicket(app: RequestsApp, patch: ItemPatch = {}) {
  app.addTask("Write it down", [], patch);
  await app.deliverWebhooks();
  await app.advanceAndDrain();
}

/** Approves ONB-1, whose session runs then; returns the token of its run. */
export async function startSession(app: RequestsApp): Promise<string> {
  await requestTicket(app);
  return app.runSession();
}

/** Starts the session of ONB-1, which asks. */
export async function askBySession(app: RequestsApp, call: object) {
  await askByHook(app, await startSession(app), call);
}

/** Asks by a request of the session whose process ends before the answer, which is typed then. */
export async function askByHook(app: RequestsApp, token: string, call: object) {
  const end = () => Promise.reject(new Error("the process has ended"));
  await app.holdHook(token, { hook_event_name: "PermissionRequest", ...call }, end).catch(() => {});
}

export function getOnlyItem(app: RequestsApp) {
  const [item] = app.plane.items(app.onb);
  if (!item) throw new Error("no item");
  return item;
}

/** A person writes a comment on the only task, which Groundcrew reads. */
export async function writeComment(app: RequestsApp, text: string, options: object = {}) {
  app.advance(2_000);
  app.plane.addComment(getOnlyItem(app), `<p>${text}</p>`, options);
  await app.poll();
  await app.advanceAndDrain(30_000);
}

/** The comments that say why another one has decided nothing. */
export const readRefusals = (app: RequestsApp) =>
  app.readComments(getOnlyItem(app)).filter((html) => html.includes("This comment"));
