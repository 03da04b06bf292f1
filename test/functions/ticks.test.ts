import { describe, expect, it } from "vitest";
import { manifest } from "../../functions/index.ts";
import type { Tick } from "../../shared/deps.ts";
import { bearer, started, TICK } from "../runtime/started.ts";

const NEVER = "0 0 1 1 *";

function withTicks(ticks: Tick[]) {
  return started({ manifest: { routes: manifest.routes, ticks, workers: [], consumers: () => [] } });
}

function post(url: string, name: string) {
  return fetch(`${url}/ticks/${name}`, { method: "POST", ...bearer(TICK) });
}

describe("POST /ticks/:name", () => {
  it("answers when the pass is over, with its name, its time and its counts", async () => {
    const { url } = await withTicks([{ name: "cycles", cron: () => NEVER, run: async () => ({ projects: 3 }) }]);
    const response = await post(url, "cycles");
    expect([response.status, await response.json()]).toEqual([
      200,
      { name: "cycles", ms: expect.any(Number), projects: 3 },
    ]);
  });

  it("answers only when the pass is over", async () => {
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
    const { url } = await withTicks([{ name: "cycles", cron: () => NEVER, run }]);
    const answer = post(url, "cycles").then(() => order.push("answered"));
    await expect.poll(() => order).toEqual(["begun"]);
    finish();
    await answer;
    expect(order).toEqual(["begun", "over", "answered"]);
  });

  it("that there is not answers 404 with the names there are", async () => {
    const { url } = await withTicks([
      { name: "poll", cron: () => NEVER, run: async () => ({}) },
      { name: "jobs", cron: () => NEVER, run: async () => ({}) },
    ]);
    const response = await post(url, "pol");
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: { code: "not_found", message: "There is no such tick. There are: poll, jobs." } },
    ]);
  });

  it("that fails answers 503 with the reason", async () => {
    const run = () => Promise.reject(new Error("Plane did not answer"));
    const { url, lines } = await withTicks([{ name: "cycles", cron: () => NEVER, run }]);
    const response = await post(url, "cycles");
    expect([response.status, await response.json()]).toEqual([
      503,
      { error: { code: "unavailable", message: "The tick cycles failed: Plane did not answer" } },
    ]);
    expect(lines.find((line) => line["message"] === "tick failed")).toMatchObject({ tick: "cycles", level: "error" });
  });
});
