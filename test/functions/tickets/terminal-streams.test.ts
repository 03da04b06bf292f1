import { expect, test } from "vitest";
import { createTerminalStreams } from "../../../functions/tickets/terminal-stream.ts";
import { createTerminals } from "../../../shared/app/terminals.ts";
import { ADMIN_VIEWER } from "../../../shared/people/viewer.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createTerminalsApp } from "./terminal-viewer.ts";

const FRAME = { run: 1, columns: 20, rows: 1 };

const createViewer = () => ({ ticket: "ONB-1", access: { viewer: ADMIN_VIEWER, mayRead: async () => true } });

test("a viewer that reads slowly gets the newest picture only, and holds up nobody", async () => {
  const { app } = await createTerminalsApp();
  const streams = createTerminalStreams(app.deps);
  const [slow, quick] = [1, 2].map(() => streams.open(createViewer())?.getReader());
  const decoder = new TextDecoder();
  const readQuick = async () => decoder.decode((await quick?.read())?.value);
  while (!(await readQuick()).includes("event: frame")) {
    // The state, and the text that the runner reported.
  }
  for (let i = 0; i < 500; i += 1) {
    expect(app.deps.terminals.receive("ONB-1", { ...FRAME, screen: `picture ${i}.` })).toBe(true);
    expect(await readQuick()).toContain(`picture ${i}.`);
  }
  const first = decoder.decode((await slow?.read())?.value);
  const second = decoder.decode((await slow?.read())?.value);
  expect(first).not.toContain("picture 499.");
  expect(second).toContain("picture 499.");
  expect(second.match(/event: frame/g)).toHaveLength(1);
});

test("over HTTP the 41st viewer is refused with 503 until another one has left", async () => {
  const { watch } = await createTerminalsApp();
  const viewers = [];
  for (let i = 0; i < 40; i += 1) {
    const viewer = await watch();
    await viewer.next("frame");
    viewers.push(viewer);
  }
  expect((await watch()).response.status).toBe(503);
  viewers[3]?.close();
  await expect.poll(async () => (await watch()).response.status, { timeout: 20_000 }).toBe(200);
});

test("signing out ends the viewer's stream within seconds, and only its own", async () => {
  const { app, watch, step, sendFrame } = await createTerminalsApp();
  const signIn = async () => {
    const response = await fetch(`${app.url}/api/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: HTTP_ADMIN_TOKEN }),
    });
    return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  };
  const [cookie, otherCookie] = [await signIn(), await signIn()];
  const [viewer, other] = [await watch({ cookie }), await watch({ cookie: otherCookie })];
  await Promise.all([viewer.next("frame"), other.next("frame")]);
  await fetch(`${app.url}/api/session`, { method: "DELETE", headers: { cookie, origin: app.url } });
  const stepping = setInterval(() => step(1_000), 20);
  try {
    expect((await viewer.next("again")).event).toBe("again");
    expect((await viewer.next()).event).toBe("the end");
  } finally {
    clearInterval(stepping);
  }
  expect((await watch({ cookie })).response.status).toBe(401);
  await sendFrame({ screen: "still here" });
  expect((await other.next("frame")).data.screen).toBe("still here");
});

test("HEAD of a terminal opens no stream", async () => {
  const { app } = await createTerminalsApp();
  expect((await app.request("/api/terminals/ONB-1", HTTP_ADMIN_TOKEN, { method: "HEAD" })).status).toBe(200);
  expect(app.deps.terminals.isWatched("ONB-1")).toBe(false);
});

test("kept pictures are limited in number and in size, and the latest ones stay", () => {
  const terminals = createTerminals({ clock: () => 1_000 }, { maxFrames: 3, maxTotalLength: 25 });
  const list = () => ["A-1", "A-2", "A-3", "A-4"].filter((key) => terminals.find(key, 1));
  for (const key of ["A-1", "A-2", "A-3", "A-4"]) {
    terminals.addViewer(key, () => {});
    terminals.receive(key, { ...FRAME, screen: "12345" });
  }
  expect(list()).toEqual(["A-2", "A-3", "A-4"]);
  terminals.receive("A-2", { ...FRAME, screen: "1234567890" });
  terminals.receive("A-3", { ...FRAME, screen: "1234567890" });
  expect(list()).toEqual(["A-2", "A-3", "A-4"]);
  terminals.receive("A-3", { ...FRAME, screen: "12345678901" });
  expect(list()).toEqual(["A-2", "A-3"]);
  expect(terminals.find("A-2", 2)).toBeUndefined();
});
