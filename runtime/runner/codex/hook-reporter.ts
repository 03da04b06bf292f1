/** What the runner tells Groundcrew for a session whose CLI has no hooks of its own, in their form. */

import { z } from "zod";
import { getErrorMessage } from "../../../shared/errors.ts";
import type { Log } from "../../../shared/log.ts";
import { type Ms, SECOND, wait } from "../../../shared/time.ts";
import { writePrivateFile } from "../../node/files.ts";
import { readSessionJson, type SessionPaths } from "../session-folder.ts";
import { type AskedCall, type Decision, decisionSchema } from "./requests.ts";

export type HookReporter = ReturnType<typeof createHookReporter>;

/** Timeout for the answer to a report: 10 s. */
const REPORT_TIMEOUT_MS: Ms = 10 * SECOND;

/** Timeout for the answer of a person: 240 s; then it is asked for again, with the same id. */
const ASK_TIMEOUT_MS: Ms = 240 * SECOND;

/** Delay before Groundcrew is asked again that could not be reached: 2 s. */
const RETRY_MS: Ms = 2 * SECOND;

/** Limit of the kept calls in bytes: 4 MB, and their number: 20. */
const MAX_CALLS_BYTES = 4 * 2 ** 20;

const MAX_CALLS = 20;

const callsSchema = z.record(z.string(), z.object({ tool_name: z.string(), tool_input: z.looseObject({}) }));

/** Creates the reporter of a runner. */
export function createHookReporter(groundcrewUrl: string, log: Log) {
  async function post(ticket: string, token: string, hook: object, signal: AbortSignal): Promise<Response> {
    return fetch(`${groundcrewUrl}/api/runner/sessions/${encodeURIComponent(ticket)}/hooks`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(hook),
      // A redirect would receive the token.
      redirect: "manual",
      signal,
    });
  }

  return {
    /** Reports an event. A report that does not arrive is logged: the session goes on. */
    async report(ticket: string, token: string, hook: object): Promise<void> {
      try {
        const response = await post(ticket, token, hook, AbortSignal.timeout(REPORT_TIMEOUT_MS));
        await response.body?.cancel();
        if (!response.ok) throw new Error(`Groundcrew answered ${response.status}`);
      } catch (thrown) {
        log.warn("event of a session was not taken", { ticket, reason: getErrorMessage(thrown) });
      }
    },
    /**
     * Asks people until they have answered, or the signal. A request has an id, by which it stays one however often it
     * is repeated. Undefined when nobody is asked any more.
     */
    async ask(
      ticket: string,
      getToken: () => string,
      call: AskedCall & { request_id: string },
      signal: AbortSignal,
    ): Promise<Decision | undefined> {
      const hook = { hook_event_name: "PermissionRequest", ...call };
      while (!signal.aborted) {
        try {
          const limited = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
          const response = await post(ticket, getToken(), hook, limited);
          if (response.status === 200) return decisionSchema.parse(await response.json()).hookSpecificOutput.decision;
          await response.body?.cancel();
          // The ticket takes no request any more: it is over, or has another run.
          if (response.status === 401 || response.status === 409) return undefined;
        } catch (thrown) {
          if (!signal.aborted) log.warn("request waits", { ticket, reason: getErrorMessage(thrown) });
        }
        await wait(RETRY_MS, signal);
      }
      return undefined;
    },
    /** The calls for which a session has asked. */
    readCalls: ({ requests }: Pick<SessionPaths, "requests">): Record<string, AskedCall> =>
      readSessionJson(requests, callsSchema, MAX_CALLS_BYTES) ?? {},
    /** Keeps the newest ones, for a request that is sent again. */
    storeCalls({ requests }: Pick<SessionPaths, "requests">, calls: Record<string, AskedCall>) {
      writePrivateFile(requests, JSON.stringify(Object.fromEntries(Object.entries(calls).slice(-MAX_CALLS))));
    },
  };
}
