import { healthRoute } from "../../../functions/health.ts";
import { manifest } from "../../../functions/index.ts";
import { createTicketRules } from "../../../functions/tickets/ticket-rules.ts";
import type { ExchangeAnswer, ExchangeRequest } from "../../../shared/tickets/exchange.ts";
import { exchangeAnswerSchema } from "../../../shared/tickets/exchange.ts";
import { createHttpTestApp } from "../../support/http-test-app.ts";

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
  const { call, read } = http;
  const readRequests = async () => (await read("/api/requests")).requests;
  let seen = "";

  /** Exchanges as a runner that has these sessions; returns the desired state. */
  async function exchange(sessions: Session[] = [], change: Partial<ExchangeRequest> = {}): Promise<ExchangeAnswer> {
    const runner = { runner: "vps", instance: "11111111-2222-4333-8444-000000000002", version: "0.2.0" };
    const body = JSON.stringify({ ...runner, repositories: ["ONB"], seen, wait_ms: 0, sessions, ...change });
    const response = await http.request("/api/runner/exchange", RUNNER_TOKEN, { method: "POST", body });
    if (!response.ok) throw new Error(await response.text());
    const answer = exchangeAnswerSchema.parse(await response.json());
    seen = answer.revision;
    return answer;
  }

  /** Sends a hook as the session of a run. */
  async function hook(token: string, body: Record<string, unknown>, ticket = "ONB-1") {
    const init = { method: "POST", body: JSON.stringify(body) };
    const response = await http.request(`/api/runner/sessions/${ticket}/hooks`, token, init);
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  }

  return Object.assign(http, {
    exchange,
    hook,
    readRequests,
    readSession: async () => (await read("/api/sessions")).sessions[0],
    complete: (summary = "All is done", ticket = "ONB-1") => call(`/api/sessions/${ticket}/complete`, { summary }),
    /** Answers a question of the session of ONB-1. */
    answer: (question: string, answer: string, hash?: string) =>
      call("/api/sessions/ONB-1/answer", { question, answer, hash }),
    /** Answers the open request, or the one of a kind, as it is shown now. */
    async decide(answer: string, { kind, comment }: { kind?: string; comment?: string } = {}) {
      const request = (await readRequests()).find((one: { kind: string }) => kind === undefined || one.kind === kind);
      return call(`/api/requests/${request.id}`, { answer, hash: request.hash, comment });
    },
    /** Calls a tool as the session of a run. */
    async callAsSession(token: string, tool: string, input: object) {
      const response = await http.request(`/agent/${tool}`, token, { method: "POST", body: JSON.stringify(input) });
      return { status: response.status, text: await response.text() };
    },
    /** Sends a hook whose request is held, and does one of `acts` each time that it looks for its answer. */
    async holdHook(token: string, body: Record<string, unknown>, ...acts: (() => unknown)[]) {
      const { wait } = http.deps;
      // The product answers an error of its own deps with 500; a failed assertion has to reach the test.
      const failures: unknown[] = [];
      http.deps.wait = async (...args) => {
        const act = acts.shift();
        if (!act) return wait(...args);
        await Promise.resolve(act()).catch((thrown: unknown) => {
          failures.push(thrown);
          throw thrown;
        });
      };
      const answer = await hook(token, body);
      http.deps.wait = wait;
      if (failures.length > 0) throw failures[0];
      return answer;
    },
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
      return (await healthRoute.app({ ...http.deps, wait: () => new Promise(() => {}) }).request("/")).json();
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
  });
}

/** A session of ONB-1 that runs, as a runner observes it. */
export function createSession(change: Partial<Session> = {}): Session {
  return {
    ...{ ticket: "ONB-1", run: 1, round: 1, name: "claude-ONB-1", state: "running" },
    session_id: "11111111-2222-4333-8444-000000000001",
    started_at: "2026-11-21T08:00:10.000Z",
    ...{ screen: "> working", branch: "groundcrew/onb-1", commits: [], dirty: false, applied: [] },
    ...change,
  };
}

/** A ticket that is approved and whose session runs. */
export async function createAppWithSession(settings: Record<string, unknown> = {}) {
  const app = await createTicketsApp(settings);
  const item = await app.requestTicket();
  const token = await app.runSession();
  return { app, item, token, readSession: app.readSession };
}

const toQuestion = (question: string, header: string, multiSelect: boolean, ...labels: string[]) => ({
  ...{ question, header, multiSelect },
  options: labels.map((label) => ({ label, description: `It is ${label}.` })),
});

/** Questions of Claude Code's question tool. */
export const COLOUR = toQuestion("Which colour?", "Colour", false, "Red", "Blue");
export const TOOLS = toQuestion("Which tools?", "Tools", true, "ky", "zod", "tsx");
export const SIZE = toQuestion("Which size?", "Size", false, "S", "M");
