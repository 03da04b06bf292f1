import { expect, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import type { Tick } from "../../shared/app/deps.ts";
import { createBearerHeaders, RUNTIME_TICK_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

const NEVER = "0 0 1 1 *";

function startWithTicks(ticks: Tick[]) {
  return startTestRuntime({
    manifest: { routes: manifest.routes, ticks, jobHandlers: [], ruleSets: () => [], requestKinds: {} },
  });
}

function requestTick(url: string, name: string) {
  return fetch(`${url}/ticks/${name}`, { method: "POST", ...createBearerHeaders(RUNTIME_TICK_TOKEN) });
}

test("POST /ticks/:name responds with the name, duration and counts of the tick", async () => {
  const { url } = await startWithTicks([{ name: "cycles", cron: () => NEVER, run: async () => ({ projects: 3 }) }]);
  const response = await requestTick(url, "cycles");
  expect([response.status, await response.json()]).toEqual([
    200,
    { name: "cycles", ms: expect.any(Number), projects: 3 },
  ]);
});

test("POST /ticks/:name responds only after the tick has finished", async () => {
  const order: string[] = [];
  let finish = () => {};
  const over = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const run = async () => {
    order.push("begun");
    await over;
    order.push("over");
    return {};
  };
  const { url } = await startWithTicks([{ name: "cycles", cron: () => NEVER, run }]);
  const answer = requestTick(url, "cycles").then(() => order.push("answered"));
  await expect.poll(() => order).toEqual(["begun"]);
  finish();
  await answer;
  expect(order).toEqual(["begun", "over", "answered"]);
});

test("POST /ticks/:name responds 404 with the known names when the tick is unknown", async () => {
  const { url } = await startWithTicks([
    { name: "poll", cron: () => NEVER, run: async () => ({}) },
    { name: "jobs", cron: () => NEVER, run: async () => ({}) },
  ]);
  const response = await requestTick(url, "pol");
  expect([response.status, await response.json()]).toEqual([
    404,
    { error: { code: "not_found", message: "Unknown tick. Available ticks: poll, jobs." } },
  ]);
});

test("POST /ticks/:name responds 503 with the reason when the tick fails", async () => {
  const run = () => Promise.reject(new Error("Plane did not answer"));
  const { url, lines } = await startWithTicks([{ name: "cycles", cron: () => NEVER, run }]);
  const response = await requestTick(url, "cycles");
  expect([response.status, await response.json()]).toEqual([
    503,
    { error: { code: "unavailable", message: "The tick cycles failed: Plane did not answer" } },
  ]);
  expect(lines.find((line) => line["message"] === "tick failed")).toMatchObject({ tick: "cycles", level: "error" });
});
