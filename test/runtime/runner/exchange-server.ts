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
import { closeLocalServer, listenLocally } from "../../../simulators/local-server.ts";

export const RUNNER_TOKEN = "runner-token-0123456789";

export type Desired = ExchangeAnswer["sessions"][number];
export type Wishes = Pick<ExchangeAnswer, "sessions" | "stop" | "test" | "publish" | "remove">;
const NO_WISHES: Wishes = { sessions: [], stop: [], test: [], publish: [], remove: [] };

/** A session as Groundcrew wants it. */
export const toDesired = (ticket: string, change: Partial<Desired> & Pick<Desired, "session_id">): Desired => ({
  ...{ ticket, run: 1, round: 1, resume: false, plans: false, project: "ONB", minutes: 30, inputs: [] },
  ...{ watched: false, token: `session-token-${ticket}`, ticket_file: `# ${ticket}`, ...change },
});

/**
 * A scripted server that speaks the wire format: it answers every exchange with the desired state that the test has set,
 * and holds the answer until that changes. It checks every request and records it. With `endsOnce`, a session that has
 * ended is not wanted any more until the test wants it again.
 */
export async function startExchangeServer({ endsOnce = false } = {}) {
  let desired = NO_WISHES;
  let revision = 1;
  let port = 0;
  const requests: ExchangeRequest[] = [];
  const ends = new Set<string>();
  const over = new WeakSet<object>();
  const problems: string[] = [];
  const hooks: { ticket: string; body: Record<string, unknown> }[] = [];
  const wakes = new Set<() => void>();
  /** Answers by the hook's event, or by `<ticket> <event>` for one ticket. */
  const answerHook = new Map<string, object>();
  /** Events whose hooks get no answer until the session gives up. */
  const heldHooks = new Set<string>();
  const frames: (TerminalFrame & { ticket: string })[] = [];
  /** What branches have changed, in order. */
  const differences: (Difference & { ticket: string })[] = [];
  let server = createServer(handle);

  async function handle(request: IncomingMessage, response: ServerResponse) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const findTicket = (path: RegExp) => decodeURIComponent(path.exec(request.url ?? "")?.[1] ?? "");
    const hooked = findTicket(/^\/api\/runner\/sessions\/([^/]+)\/hooks$/);
    if (hooked) {
      const fields = JSON.parse(body) as Record<string, unknown>;
      hooks.push({ ticket: hooked, body: fields });
      const event = String(fields["hook_event_name"]);
      if (heldHooks.has(event)) return once(response, "close");
      const answer = answerHook.get(`${hooked} ${event}`) ?? answerHook.get(event);
      return answer ? response.end(JSON.stringify(answer)) : response.writeHead(204).end();
    }
    if (request.headers.authorization !== `Bearer ${RUNNER_TOKEN}`) return response.writeHead(401).end();
    const different = findTicket(/^\/api\/runner\/differences\/([^/]+)$/);
    if (different) {
      differences.push({ ticket: different, ...differenceSchema.parse(JSON.parse(body)) });
      return response.writeHead(204).end();
    }
    const watched = findTicket(/^\/api\/runner\/frames\/([^/]+)$/);
    if (watched) {
      const frame = terminalFrameSchema.safeParse(JSON.parse(body));
      if (frame.success) frames.push({ ticket: watched, ...frame.data });
      else problems.push(frame.error.message);
      return response.end(JSON.stringify({ watched: true }));
    }
    const parsed = exchangeRequestSchema.safeParse(JSON.parse(body));
    if (!parsed.success) {
      problems.push(parsed.error.message);
      return response.writeHead(400).end();
    }
    requests.push(parsed.data);
    if (endsOnce) parsed.data.sessions.forEach(noteEnd);
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
    server = createServer(handle);
    port = await listenLocally(server, port);
  }

  /** Returns the revision, which the runner has seen when it says so. */
  function set(change: Partial<Wishes>) {
    desired = { ...NO_WISHES, ...change };
    revision += 1;
    for (const wake of wakes) wake();
    return revision;
  }

  await listen();
  return {
    ...{ url: `http://127.0.0.1:${port}`, requests, problems, hooks, answerHook, heldHooks, frames, differences },
    ...{ set, listen },
    /** Refuses connections, as while Groundcrew restarts. */
    close: () => closeLocalServer(server),
    getReport: (ticket: string) => requests.at(-1)?.sessions.find((session) => session.ticket === ticket),
  };
}
