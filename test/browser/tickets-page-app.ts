import { onTestFinished } from "vitest";
import type { TerminalFrame } from "../../shared/app/terminals.ts";
import { type ExchangeAnswer, type ExchangeRequest, exchangeAnswerSchema } from "../../shared/tickets/exchange.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import type { TestPage } from "./browser.ts";
import { openSignedInPage, PAGE_ADMIN_TOKEN, runPageApp } from "./page-test-app.ts";

const RUNNER_TOKEN = "runner-token-of-the-browser-tests";

type Session = ExchangeRequest["sessions"][number];

/** Starts the product with tickets for ONB, and a runner that the test plays, until the test ends. */
export async function startTicketsPageApp(...options: Parameters<typeof runTicketsPageApp>) {
  const app = await runTicketsPageApp(...options);
  onTestFinished(app.close);
  return app;
}

/** Starts the same for several tests. @param config further content of the settings file */
export async function runTicketsPageApp(settings: object = {}, env: Record<string, string> = {}, config: object = {}) {
  const crew = { tickets: { repositories: { ONB: "/srv/onb" }, ...settings }, ...config };
  return addRunner(await runPageApp({ RUNNER_TOKEN, ...env }, undefined, crew));
}

/** Adds a runner without tmux, which speaks the wire format. */
function addRunner(app: Awaited<ReturnType<typeof runPageApp>>) {
  const toHeaders = (token: string) => ({ authorization: `Bearer ${token}`, "content-type": "application/json" });
  const request = (path: string, token: string, body: object) =>
    fetch(app.url + path, { method: "POST", headers: toHeaders(token), body: JSON.stringify(body) });
  async function post(path: string, token: string, body: object) {
    const response = await request(path, token, body);
    if (!response.ok) throw new Error(await response.text());
    return response;
  }

  /** Exchanges as a runner that has these sessions; returns the desired state. */
  async function exchange(sessions: Session[] = []): Promise<ExchangeAnswer> {
    const call = { runner: "vps", instance: "11111111-2222-4333-8444-000000000002", version: "0.2.0" };
    const body = { ...call, repositories: ["ONB"], seen: "", wait_ms: 0, sessions };
    return exchangeAnswerSchema.parse(await (await post("/api/runner/exchange", RUNNER_TOKEN, body)).json());
  }

  return Object.assign(app, {
    exchange,
    /** Adds a task, which requests a ticket with the next poll. */
    requestTicket: (name: string, patch: ItemPatch = {}) => app.plane.addItem(app.project, { name, ...patch }),
    /** Calls a route with ADMIN_TOKEN, as another person. */
    call: async (path: string, body?: object) => (await request(path, PAGE_ADMIN_TOKEN, body ?? {})).json(),
    async read<Answer>(path: string): Promise<Answer> {
      return (await fetch(app.url + path, { headers: toHeaders(PAGE_ADMIN_TOKEN) })).json() as Promise<Answer>;
    },
    /** Sends a picture of a session's terminal. */
    sendFrame: (ticket: string, frame: TerminalFrame) => post(`/api/runner/frames/${ticket}`, RUNNER_TOKEN, frame),
    /** Sends what the branch of ONB-1 changes in a round. */
    async sendDifference(text: string, round = 1): Promise<void> {
      const difference = { run: 1, round, commit: `abc1234def${round}`, text, left_out: 0 };
      await post("/api/runner/differences/ONB-1", RUNNER_TOKEN, difference);
    },
    /** Starts what is wanted, as a runner does; returns the token of the first session. */
    async startSessions(change: Partial<Session> = {}): Promise<string> {
      const { sessions } = await exchange();
      await exchange(sessions.map(({ ticket, run }) => createSession(ticket, { run, ...change })));
      return sessions[0]?.token ?? "";
    },
    /** Sends a hook as the session of a ticket; a permission waits for its answer. */
    async hook(ticket: string, token: string, body: object) {
      const response = await request(`/api/runner/sessions/${ticket}/hooks`, token, body);
      const text = await response.text();
      return { status: response.status, json: text === "" ? undefined : (JSON.parse(text) as unknown) };
    },
  });
}

export type TicketsPageApp = Awaited<ReturnType<typeof startTicketsPageApp>>;

/** A session that runs, as a runner observes it. */
export function createSession(ticket: string, change: Partial<Session> = {}): Session {
  return {
    ...{ ticket, run: 1, round: 1, session_id: "11111111-2222-4333-8444-000000000001", name: `claude-${ticket}` },
    state: "running",
    started_at: "2026-11-21T08:00:10.000Z",
    screen: "> working",
    branch: `groundcrew/${ticket.toLowerCase()}`,
    ...{ commits: [], dirty: false, applied: [] },
    ...change,
  };
}

/** The selector of a ticket's card. */
export const ticketSelector = (part: string, key: string) => `[data-part="${part}"] .ticket[data-ticket="${key}"]`;

/** Signs in and opens the view Tickets. */
export async function openTickets(
  app: TicketsPageApp,
  options?: Parameters<typeof openSignedInPage>[1],
): Promise<TestPage> {
  const page = await openSignedInPage(app.url, options);
  await page.clock.install();
  await page.click('#views [data-view="tickets"]');
  await page.waitForSelector("#tickets-view[aria-busy=false]", { timeout: 30_000 });
  return page;
}
