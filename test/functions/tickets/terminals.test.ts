import { expect, onTestFinished, test } from "vitest";
import { createTerminalStreams } from "../../../functions/tickets/terminal-stream.ts";
import { FRAME_LIMIT_BYTES } from "../../../shared/app/terminals.ts";
import { ADMIN_VIEWER } from "../../../shared/people/viewer.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createAppWithSession, RUNNER_TOKEN } from "./tickets-app.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests compare what is sent as it is.
type ViewerEvent = { event: string; data: any };

/** A ticket with a running session, whose terminal tests watch. No time passes. */
async function createTerminalsApp() {
  const { app, token } = await createAppWithSession();
  app.deps.wait = (_ms, signal) => new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
  /** Opens a viewer's stream; its methods read the next event of a kind, and the next picture of a frame. */
  async function watch(ticket = "ONB-1") {
    const over = new AbortController();
    onTestFinished(() => over.abort());
    const response = await app.request(`/api/terminals/${ticket}`, HTTP_ADMIN_TOKEN, { signal: over.signal });
    const next = createEventReader(response);
    const nextFrame = async () => {
      const { data } = await next("frame");
      // The first one is what the runner reported with the session.
      return data.screen === "> working" ? (await next("frame")).data : data;
    };
    return { response, next, nextFrame };
  }
  async function sendFrame(change: Record<string, unknown> = {}, ticket = "ONB-1") {
    const frame = { run: 1, columns: 20, rows: 2, screen: "hello\nworld", ...change };
    const init = { method: "POST", body: JSON.stringify(frame) };
    const response = await app.request(`/api/runner/frames/${ticket}`, RUNNER_TOKEN, init);
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  }
  return { app, token, watch, sendFrame };
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

test("a frame of a watched terminal reaches its viewers, in colours", async () => {
  const { watch, sendFrame } = await createTerminalsApp();
  const viewers = [await watch(), await watch()];
  const state = { state: "running", run: 1, phase: "live", connected: true };
  expect((await viewers[0]?.next("state"))?.data).toEqual(state);
  const frame = { columns: 30, rows: 1, screen: "\u001b[31mred\u001b[0m", cursor: { column: 3, row: 0 } };
  expect(await sendFrame(frame)).toEqual({ status: 200, json: { watched: true } });
  for (const { nextFrame } of viewers) expect(await nextFrame()).toMatchObject({ run: 1, ...frame });
});

test("the lines above a picture are kept while somebody watches, without secrets, also where one reaches into the picture", async () => {
  const { app, watch, sendFrame, token } = await createTerminalsApp();
  const readHistory = async (ticket = "ONB-1") => app.request(`/api/terminals/${ticket}/history`, HTTP_ADMIN_TOKEN);
  const viewer = await watch();
  await viewer.next("state");
  expect(await (await readHistory()).text()).toBe("");
  const key = `ghp_${"a".repeat(36)}`;
  const above = `${key}\n\u001b]0;title\u0007one\nT=${token.slice(0, 10)}`;
  await sendFrame({ above, is_above_whole: true, screen: `${token.slice(10)}\ntwo` });
  const masked = "•".repeat(token.length - 10);
  const first = await viewer.nextFrame();
  expect(first).toMatchObject({ screen: `${masked}\ntwo` });
  expect(Object.keys(first)).not.toContain("history");
  const kept = `ghp_${"•".repeat(36)}\none\nT=ONB-${"•".repeat(6)}`;
  expect(await (await readHistory()).text()).toBe(kept);

  // The last lines above go with each picture, for its secrets, and change nothing of what is kept.
  await sendFrame({ above: `T=${token.slice(0, 10)}`, screen: `${token.slice(10)}\nthree` });
  expect(await viewer.nextFrame()).toMatchObject({ screen: `${masked}\nthree` });
  expect(await (await readHistory()).text()).toBe(kept);
  expect((await readHistory("ONB-99")).status).toBe(404);
  expect((await sendFrame({ above: "x".repeat(256 * 1024 + 1) })).status).toBe(400);
});

test("a frame that cannot be one, or is of an unknown ticket or another run, is refused", async () => {
  const { sendFrame, watch } = await createTerminalsApp();
  const refused: [number, Record<string, unknown>, string?][] = [
    [400, { columns: 0 }],
    [400, { columns: 501 }],
    [400, { rows: 301 }],
    [400, { cursor: { column: -1, row: 0 } }],
    [400, { screen: undefined }],
    [400, { screen: "x".repeat(256 * 1024 + 1) }],
    [413, { screen: "x".repeat(FRAME_LIMIT_BYTES) }],
    [409, { run: 2 }],
    [404, {}, "ONB-99"],
    [400, {}, "..%2Fx"],
  ];
  for (const [status, change, ticket = "ONB-1"] of refused)
    expect.soft((await sendFrame(change, ticket)).status, JSON.stringify(change).slice(0, 50)).toBe(status);
  expect((await watch("ONB-99")).response.status).toBe(404);
});

test("a viewer that reads slowly gets the newest picture only, and holds up nobody", async () => {
  const { app } = await createTerminalsApp();
  const viewer = { ticket: "ONB-1", access: { viewer: ADMIN_VIEWER, mayRead: async () => true } };
  const streams = createTerminalStreams(app.deps);
  const [slow, quick] = [1, 2].map(() => streams.open({ ...viewer })?.getReader());
  const decoder = new TextDecoder();
  const readQuick = async () => decoder.decode((await quick?.read())?.value);
  while (!(await readQuick()).includes("event: frame")) {
    // The state, and the text that the runner reported.
  }
  const size = { run: 1, columns: 20, rows: 1 };
  for (let i = 0; i < 50; i += 1) {
    expect(app.deps.terminals.receive("ONB-1", { ...size, screen: `picture ${i}.` })).toBe(true);
    expect(await readQuick()).toContain(`picture ${i}.`);
  }
  const first = decoder.decode((await slow?.read())?.value);
  const second = decoder.decode((await slow?.read())?.value);
  expect(first).not.toContain("picture 49.");
  expect(second).toContain("picture 49.");
  expect(second.match(/event: frame/g)).toHaveLength(1);
});
