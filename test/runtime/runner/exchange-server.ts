import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TerminalFrame, terminalFrameSchema } from "../../../shared/app/terminals.ts";
import {
  type Difference,
  differenceSchema,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerSchema,
  exchangeRequestSchema,
} from "../../../shared/tickets/exchange.ts";

export const RUNNER_TOKEN = "runner-token-0123456789";

export type Wishes = Pick<ExchangeAnswer, "sessions" | "stop" | "test" | "publish" | "remove">;
/** `isAborted`: the session did not wait for the answer. */
type HookCall = { ticket: string; authorization: string; body: Record<string, unknown>; isAborted?: true };

/**
 * A scripted server that speaks the wire format: it answers every exchange with the desired state that the test has set,
 * and holds the answer until that changes. It checks every request and records it. With `endsOnce`, a session that has
 * ended is not wanted any more until the test wants it again.
 */
export async function startExchangeServer({ endsOnce = false } = {}) {
  let desired: Wishes = { sessions: [], stop: [], test: [], publish: [], remove: [] };
  let revision = 1;
  let port = 0;
  const requests: ExchangeRequest[] = [];
  const ends = new Set<string>();
  const over = new WeakSet<object>();
  const problems: string[] = [];
  const hooks: HookCall[] = [];
  const wakes = new Set<() => void>();
  /** Answers by the hook's event, or by `<ticket> <event>` for one ticket. */
  const answerHook = new Map<string, object>();
  /** Events whose hooks get no answer until the session gives up. */
  const heldHooks = new Set<string>();
  const frames: (TerminalFrame & { ticket: string })[] = [];
  /** What branches have changed, in order. */
  const differences: (Difference & { ticket: string })[] = [];
  /** How frames are answered: with a status other than 200 they count as not taken. */
  const frameAnswer = { status: 200, watched: true };
  /** Time that each exchange takes, as on a busy machine. */
  const slowness = { ms: 0 };
  let server = createServer(handle);

  async function handle(request: IncomingMessage, response: ServerResponse) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const hook = /^\/api\/runner\/sessions\/([^/]+)\/hooks$/.exec(request.url ?? "");
    if (hook) {
      const fields = JSON.parse(body) as Record<string, unknown>;
      const { authorization = "" } = request.headers;
      const call: HookCall = { ticket: decodeURIComponent(hook[1] ?? ""), authorization, body: fields };
      hooks.push(call);
      const event = String(fields["hook_event_name"]);
      if (heldHooks.has(event)) {
        await once(response, "close");
        call.isAborted = true;
        return undefined;
      }
      const answer = answerHook.get(`${call.ticket} ${event}`) ?? answerHook.get(event);
      return answer ? response.end(JSON.stringify(answer)) : response.writeHead(204).end();
    }
    if (request.headers.authorization !== `Bearer ${RUNNER_TOKEN}`) return response.writeHead(401).end();
    const difference = /^\/api\/runner\/differences\/([^/]+)$/.exec(request.url ?? "");
    if (difference) {
      differences.push({
        ticket: decodeURIComponent(difference[1] ?? ""),
        ...differenceSchema.parse(JSON.parse(body)),
      });
      return response.writeHead(204).end();
    }
    const frame = /^\/api\/runner\/frames\/([^/]+)$/.exec(request.url ?? "");
    if (frame) return answerFrame(decodeURIComponent(frame[1] ?? ""), body, response);
    const parsed = exchangeRequestSchema.safeParse(JSON.parse(body));
    if (!parsed.success) {
      problems.push(parsed.error.message);
      return response.writeHead(400).end();
    }
    requests.push(parsed.data);
    if (endsOnce) parsed.data.sessions.forEach(noteEnd);
    await new Promise((resolve) => setTimeout(resolve, slowness.ms));
    if (parsed.data.seen === String(revision)) await waitForChange(parsed.data.wait_ms, response);
    const sessions = desired.sessions.filter((session) => !over.has(session));
    const answer = { ...desired, sessions, revision: String(revision), server_time: new Date().toISOString() };
    return response.end(JSON.stringify(exchangeAnswerSchema.parse(answer)));
  }

  function noteEnd({ ticket, state, started_at }: ExchangeRequest["sessions"][number]) {
    const end = `${ticket} ${started_at}`;
    if (state !== "ended" || ends.has(end)) return;
    ends.add(end);
    for (const session of desired.sessions) if (session.ticket === ticket) over.add(session);
  }

  function answerFrame(ticket: string, body: string, response: ServerResponse) {
    const { status, watched } = frameAnswer;
    if (status !== 200) return response.writeHead(status).end();
    const parsed = terminalFrameSchema.safeParse(JSON.parse(body));
    if (parsed.success) frames.push({ ticket, ...parsed.data });
    else problems.push(parsed.error.message);
    return response.end(JSON.stringify({ watched }));
  }

  function waitForChange(ms: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      wakes.add(done);
      response.once("close", done);
      function done() {
        clearTimeout(timer);
        wakes.delete(done);
        resolve();
      }
    });
  }

  async function listen() {
    server = createServer(handle).listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address !== null && typeof address !== "string") port = address.port;
  }

  /** Returns the revision, which the runner has seen when it says so. */
  function set(change: Partial<Wishes>) {
    desired = { sessions: [], stop: [], test: [], publish: [], remove: [], ...change };
    revision += 1;
    for (const wake of wakes) wake();
    return revision;
  }

  /** Refuses connections, as while Groundcrew restarts. */
  async function close() {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  await listen();
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    /** Requests that were not valid. */
    problems,
    hooks,
    answerHook,
    heldHooks,
    /** Frames that were taken. */
    frames,
    frameAnswer,
    slowness,
    differences,
    set,
    listen,
    close,
    /** What the newest exchange says of a ticket. */
    getReport: (ticket: string) => requests.at(-1)?.sessions.find((session) => session.ticket === ticket),
  };
}
