import { expect, onTestFinished } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createAppWithSession, RUNNER_TOKEN } from "./tickets-app.ts";

interface ViewerEvent {
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests compare what is sent as it is.
  data: any;
}

/** A ticket with a running session, whose terminal tests watch. Time passes only by `step`. */
export async function createTerminalsApp() {
  const session = await createAppWithSession();
  const { app } = session;
  const wakes = new Set<() => void>();
  app.deps.wait = (_ms, signal) =>
    new Promise((resolve) => {
      wakes.add(resolve);
      signal?.addEventListener("abort", () => resolve());
    });

  /** Lets time pass: whatever waits looks again. */
  function step(ms: number) {
    app.time.now += ms;
    const waiting = [...wakes];
    wakes.clear();
    for (const wake of waiting) wake();
  }

  return {
    ...session,
    step,
    /** Lets time pass in steps until a condition holds. */
    async stepUntil(ms: number, isReached: () => boolean | Promise<boolean>) {
      const look = async () => {
        step(ms);
        return await isReached();
      };
      await expect.poll(look, { timeout: 20_000, interval: 5 }).toBe(true);
    },
    /** Opens a viewer's stream; its method reads the next event of a kind. */
    async watch(headers: Record<string, string> = {}, ticket = "ONB-1") {
      const over = new AbortController();
      onTestFinished(() => over.abort());
      const authorization = { authorization: `Bearer ${HTTP_ADMIN_TOKEN}` };
      const response = await fetch(`${app.url}/api/terminals/${ticket}`, {
        headers: Object.keys(headers).length > 0 ? headers : authorization,
        signal: over.signal,
      });
      const next = createEventReader(response);
      /** The next picture of a frame; the first one is what the runner reported with the session. */
      const nextFrame = async () => {
        const { data } = await next("frame");
        return data.screen === "> working" ? (await next("frame")).data : data;
      };
      return { response, close: () => over.abort(), next, nextFrame };
    },
    async sendFrame(change: Record<string, unknown> = {}, { ticket = "ONB-1", token = RUNNER_TOKEN } = {}) {
      const frame = { run: 1, columns: 20, rows: 2, screen: "hello\nworld", ...change };
      const init = { method: "POST", body: JSON.stringify(frame) };
      const response = await app.request(`/api/runner/frames/${ticket}`, token, init);
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    },
  };
}

/** Creates a reader of the next event of a kind; "the end" when the stream has ended. */
function createEventReader(response: Response): (event?: string) => Promise<ViewerEvent> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return async (wanted) => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) {
        const { value, done } = (await reader?.read()) ?? { done: true };
        if (done) return { event: "the end", data: undefined };
        text += value ?? "";
        continue;
      }
      const [, event = "", data = ""] = /^event: (.*)\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (wanted === undefined || event === wanted) return { event, data: data === "" ? "" : JSON.parse(data) };
    }
  };
}
