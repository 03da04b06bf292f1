import { expect, test } from "vitest";
import { FRAME_LIMIT_BYTES } from "../../../shared/app/terminals.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createTerminalsApp } from "./terminal-viewer.ts";
import { createSession } from "./tickets-app.ts";

test("a frame of a watched terminal reaches its viewers, in colours", async () => {
  const { watch, sendFrame } = await createTerminalsApp();
  const viewers = [await watch(), await watch()];
  expect((await viewers[0]?.next("state"))?.data).toEqual({
    state: "running",
    run: 1,
    phase: "live",
    connected: true,
  });
  const frame = { columns: 30, rows: 1, screen: "\u001b[31mred\u001b[0m", cursor: { column: 3, row: 0 } };
  expect(await sendFrame(frame)).toEqual({ status: 200, json: { watched: true } });
  for (const { nextFrame } of viewers) expect(await nextFrame()).toMatchObject({ run: 1, ...frame });
});

test("a session is watched from its first viewer until some seconds after its last has left", async () => {
  const { app, watch, stepUntil } = await createTerminalsApp();
  const read = async () => (await app.exchange([createSession()])).sessions[0]?.watched;
  expect(await read()).toBe(false);
  const viewer = await watch();
  await viewer.next("state");
  expect(await read()).toBe(true);
  viewer.close();
  await expect.poll(() => app.deps.terminals.isWatched("ONB-1"), { timeout: 20_000 }).toBe(true);
  await stepUntil(1_000, async () => !(await read()));
});

test("a held exchange is answered when somebody begins to watch, and when the last one has left", async () => {
  const { app, watch, step, stepUntil } = await createTerminalsApp();
  const hold = async (watched: string[]) => {
    let isOver = false;
    const answer = app.exchange([createSession()], { wait_ms: 20_000, watched }).finally(() => {
      isOver = true;
    });
    await stepUntil(1, () => isOver);
    return (await answer).sessions[0]?.watched;
  };
  const viewer = await watch();
  await viewer.next("state");
  expect(await hold([])).toBe(true);
  viewer.close();
  step(10_000);
  await stepUntil(10_000, () => !app.deps.terminals.isWatched("ONB-1"));
  expect(await hold(["ONB-1"])).toBe(false);
});

test("an exchange is held while the runner knows who is watched", async () => {
  const { app, watch, stepUntil } = await createTerminalsApp();
  await (await watch()).next("state");
  const before = app.time.now;
  let isOver = false;
  const answer = app.exchange([createSession()], { wait_ms: 5_000, watched: ["ONB-1"] }).finally(() => {
    isOver = true;
  });
  await stepUntil(250, () => isOver);
  expect((await answer).sessions[0]?.watched).toBe(true);
  expect(app.time.now - before).toBeGreaterThanOrEqual(5_000);
});

test("a frame that nobody watches is not kept, and the answer says so", async () => {
  const { app, sendFrame } = await createTerminalsApp();
  expect(await sendFrame()).toEqual({ status: 200, json: { watched: false } });
  expect(app.deps.terminals.find("ONB-1", 1)).toBeUndefined();
});

test("the token of the run is masked in the picture of a terminal, also where its colour changes", async () => {
  const { watch, sendFrame, token } = await createTerminalsApp();
  const viewer = await watch();
  await viewer.next("state");
  await sendFrame({ screen: `T=${token.slice(0, 10)}\u001b[31m${token.slice(10)}\u001b[0m` });
  const { screen } = await viewer.nextFrame();
  expect(screen).toBe(`T=ONB-${"•".repeat(6)}\u001b[31m${"•".repeat(token.length - 10)}\u001b[0m`);
  viewer.close();
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
  viewer.close();
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
    expect.soft((await sendFrame(change, { ticket })).status, JSON.stringify(change).slice(0, 50)).toBe(status);
  expect((await watch({}, "ONB-99")).response.status).toBe(404);
});

test("a viewer learns that the session has ended, and keeps its last picture", async () => {
  const { app, watch, sendFrame, stepUntil } = await createTerminalsApp();
  const { next } = await watch();
  await next("state");
  await sendFrame({ screen: "all done" });
  await app.exchange([createSession({ state: "ended", exit: { reason: "exited", status: 0 }, screen: "plain" })]);
  await stepUntil(1_000, () => app.deps.terminals.isWatched("ONB-1"));
  expect((await next("state")).data).toMatchObject({ phase: "ended", state: "waiting" });
  expect((await (await watch()).next("frame")).data).toMatchObject({ screen: "all done" });
});

test("frames are not in the log of requests at the level info", async () => {
  const { app, watch, sendFrame } = await createTerminalsApp();
  await (await watch()).next("state");
  await sendFrame();
  const lines = app.logged.filter(({ route }) => String(route).startsWith("/api/runner/frames"));
  expect(lines.filter(({ level }) => level === "info")).toEqual([]);
  await sendFrame({ run: 7 });
  expect(app.logged).toContainEqual(expect.objectContaining({ level: "info", status: 409 }));
});
