import { createTicketRules } from "../../functions/tickets/ticket-rules.ts";
import { claimsTick } from "../../functions/work.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import { HTTP_ADMIN_TOKEN, signIn } from "../support/http-test-app.ts";
import { toPlainText } from "./telegram/commands/commands-app.ts";
import { createMessagesApp } from "./telegram/messages-app.ts";
import { addTicketCalls, createSession, RUNNER_TOKEN } from "./tickets/tickets-app.ts";

type Options = NonNullable<Parameters<typeof createMessagesApp>[0]>;
export type RequestsApp = Awaited<ReturnType<typeof createRequestsApp>>;

/** Until then the agent card in Plane says who works on a task, and what is reviewed. */
const CARD_WRITE_MS = 31_000;

type ListedRequest = Record<"id" | "kind" | "hash", string> & { answers: string[] };

/** Creates the product over HTTP with a chat, a Concierge, and, with these settings of them, tickets for ONB. */
export async function createRequestsApp({ tickets, ...options }: Options & { tickets?: object | undefined } = {}) {
  const settings = tickets ? { tickets: { repositories: { ONB: "/srv/onb" }, ...tickets } } : {};
  const messages = await createMessagesApp({
    ...options,
    env: { ADMIN_TOKEN: HTTP_ADMIN_TOKEN, RUNNER_TOKEN, ...options.env },
    config: { ...settings, ...options.config },
    parts: { ruleSets: (parsed) => (tickets ? [createTicketRules(parsed.tickets)] : []) },
  });
  const app = addTicketCalls(messages);
  async function call(path = "", body?: object, headers: Record<string, string> = {}) {
    const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const token = headers["cookie"] === undefined ? { authorization: `Bearer ${HTTP_ADMIN_TOKEN}` } : {};
    const all = { ...token, "content-type": "application/json", ...headers };
    const response = await fetch(`${app.url}/api/requests${path}`, { ...init, headers: all });
    return { status: response.status, json: (await response.json()) as unknown };
  }
  return Object.assign(app, {
    callRequests: call,
    list: async () => (await app.read("/api/requests")).requests as ListedRequest[],
    readRequest: (id: string) => app.read(`/api/requests/${id}`),
    /** Signs in to the page; returns its cookie. */
    async signIn() {
      return { cookie: (await signIn(app.url, HTTP_ADMIN_TOKEN)).cookie, origin: app.url };
    },
    /** Adds a task to ONB, whose ticket is sent to the chat. Returns its item. */
    async requestTicketMessage(name = "Write it down", patch: ItemPatch = {}) {
      const item = app.addTask(name, [], patch);
      await app.deliverWebhooks();
      await app.advanceAndDrain();
      return item;
    },
    /** Approves ONB-1 and starts its session; returns the token of its run. */
    async startSession() {
      const token = await app.runSession();
      await app.advanceAndDrain();
      return token;
    },
    /** Sends a hook of the session, and what it asks to the chat. */
    async sendHook(token: string, hook: Record<string, unknown>) {
      await app.hook(token, hook);
      await app.advanceAndDrain();
    },
    /** Exchanges as a runner, and sends what follows to the chat. */
    async exchangeAndSend(...sessions: Parameters<typeof createSession>) {
      await app.exchange(sessions.map(createSession));
      await app.advanceAndDrain();
    },
    /** The lines of the bot's last message that contains a text. */
    readLines: (part: string) => toPlainText(app.findMessage(part)).split("\n"),
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

/** Requests a ticket for ONB-1, whose session runs then; returns the token of its run. */
export async function requestSession(app: RequestsApp): Promise<string> {
  await app.requestTicketMessage();
  return app.startSession();
}

/** Starts the session of ONB-1, which asks. */
export async function askBySession(app: RequestsApp, call: object) {
  await askByHook(app, await requestSession(app), call);
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
