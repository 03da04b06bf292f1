import { healthRoute } from "../../../functions/health.ts";
import { manifest } from "../../../functions/index.ts";
import { createTicketRules } from "../../../functions/tickets/ticket-rules.ts";
import type { ExchangeAnswer, ExchangeRequest } from "../../../shared/tickets/exchange.ts";
import { exchangeAnswerSchema } from "../../../shared/tickets/exchange.ts";
import { createHttpTestApp, HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";

export const RUNNER_TOKEN = "runner-token-of-the-http-tests";

type Session = ExchangeRequest["sessions"][number];
type Options = NonNullable<Parameters<typeof createHttpTestApp>[0]>;

/** Creates the product with tickets for ONB over real HTTP, and a scripted runner that speaks the wire format. */
export async function createTicketsApp(
  settings: Record<string, unknown> = {},
  { env = {}, ...options }: Options & { env?: Record<string, string> } = {},
) {
  const http = await createHttpTestApp({
    ...options,
    config: { tickets: { repositories: { ONB: "/srv/onb" }, ...settings }, ...options.config },
    setUpPlane: (plane) => ({ RUNNER_TOKEN, ...env, ...options.setUpPlane?.(plane) }),
    parts: { ...options.parts, ruleSets: (parsed) => [createTicketRules(parsed.tickets)] },
  });
  const app = addTicketCalls(http);
  await http.runFirstPoll();
  return app;
}

/** Adds what a runner, sessions and people call to an app that is served over HTTP. */
export function addTicketCalls<App extends Awaited<ReturnType<typeof createHttpTestApp>>>(http: App) {
  let seen = "";

  /** Exchanges as a runner that has these sessions; returns the desired state. */
  async function exchange(sessions: Session[] = [], change: Partial<ExchangeRequest> = {}): Promise<ExchangeAnswer> {
    const response = await http.request("/api/runner/exchange", RUNNER_TOKEN, {
      method: "POST",
      body: JSON.stringify({
        runner: "vps",
        instance: "11111111-2222-4333-8444-000000000002",
        version: "0.2.0",
        repositories: ["ONB"],
        seen,
        wait_ms: 0,
        sessions,
        ...change,
      }),
    });
    if (!response.ok) throw new Error(await response.text());
    const answer = exchangeAnswerSchema.parse(await response.json());
    seen = answer.revision;
    return answer;
  }

  /** Calls a route as a person. */
  async function call(path: string, body?: unknown, method = "POST") {
    const init = method === "GET" ? { method } : { method, body: JSON.stringify(body ?? {}) };
    const response = await http.request(path, HTTP_ADMIN_TOKEN, init);
    // biome-ignore lint/suspicious/noExplicitAny: tests compare the answers of many routes as they are.
    return { status: response.status, json: (await response.json()) as any };
  }

  return Object.assign(http, {
    exchange,
    call,
    read: async (path: string) => (await call(path, undefined, "GET")).json,
    /** Adds a task to ONB and lets the product observe it, so that it requests a ticket. Returns its item. */
    async requestTicket(name = "Write it down", patch: Parameters<typeof http.addTask>[2] = {}) {
      const item = http.addTask(name, [], patch);
      await http.deliverUntilIdle();
      return item;
    },
    /** Approves ONB-1 and runs its session; returns the token of the run. */
    async runSession(): Promise<string> {
      await call("/api/approve/ONB-1");
      const [desired] = (await exchange()).sessions;
      await exchange([createSession()]);
      return desired?.token ?? "";
    },
    /** Reads `/health`, without the timeout that the clock of these tests would end at once. */
    async readHealth() {
      const health = healthRoute.app({ ...http.deps, wait: () => new Promise(() => {}) });
      return (await health.request("/")).json();
    },
    /** Sends what the branch of ONB-1 changes, as its runner does. */
    async sendDifference(text: string, change: { run?: number; round?: number; left_out?: number } = {}) {
      const difference = { run: 1, round: 1, commit: "abc1234def", left_out: 0, text, ...change };
      const init = { method: "POST", body: JSON.stringify(difference) };
      return (await http.request("/api/runner/differences/ONB-1", RUNNER_TOKEN, init)).status;
    },
    /** Runs the tick `tickets`. */
    async tick() {
      await manifest.ticks.find(({ name }) => name === "tickets")?.run(http.deps);
    },
    /** Sends a hook as the session of a run. */
    async hook(token: string, body: Record<string, unknown>, ticket = "ONB-1") {
      const response = await http.request(`/api/runner/sessions/${ticket}/hooks`, token, {
        method: "POST",
        body: JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, json: text === "" ? undefined : (JSON.parse(text) as object) };
    },
  });
}

/** A session of ONB-1 that runs, as a runner observes it. */
export function createSession(change: Partial<Session> = {}): Session {
  return {
    ticket: "ONB-1",
    run: 1,
    round: 1,
    session_id: "11111111-2222-4333-8444-000000000001",
    name: "claude-ONB-1",
    state: "running",
    started_at: "2026-11-21T08:00:10.000Z",
    screen: "> working",
    branch: "groundcrew/onb-1",
    commits: [],
    dirty: false,
    applied: [],
    ...change,
  };
}

/** A ticket that is approved and whose session runs. */
export async function createAppWithSession(settings: Record<string, unknown> = {}) {
  const app = await createTicketsApp(settings);
  const item = await app.requestTicket();
  const token = await app.runSession();
  const readSession = async () => (await app.read("/api/sessions")).sessions[0];
  return { app, item, token, readSession };
}
