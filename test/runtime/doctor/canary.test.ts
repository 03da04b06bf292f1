import { expect, it, onTestFinished } from "vitest";
import { createPlane } from "../../../demo/plane/plane.ts";
import { comesBack, type RuntimeSeen, runtimeChecks, seeRuntime } from "../../../functions/doctor/runtime.ts";
import { manifest } from "../../../functions/index.ts";
import { startRuntime } from "../../../runtime/node.ts";
import { VERSION } from "../../../shared/version.ts";
import { freePort } from "../../redis.ts";
import { settingsOf } from "../../shared/config/given.ts";
import { ADMIN, bearer, ENV } from "../started.ts";

it("a canary that came back long ago, and none since, is no proof that webhooks come", () => {
  const settings = settingsOf({ ...ENV, PLANE_URL: "http://127.0.0.1:1", PLANE_WEBHOOK_SECRET: "wh-secret-of-tests" });
  const seenAfter = (age_s: number): RuntimeSeen => ({
    alive: true,
    health: { status: "ok", version: VERSION, queues: {} },
    ready: { status: "ready", webhooks: { ok: true, age_s, seconds: 2 } },
  });
  const told = (age_s: number) =>
    runtimeChecks("http://127.0.0.1:1", seenAfter(age_s), settings).find(({ name }) => name === "webhooks");
  expect(told(7_000)).toMatchObject({ status: "ok" });
  expect(told(40 * 3_600)).toMatchObject({
    status: "warning",
    detail: "the last canary came back, 40 h ago, and none has since",
  });
  expect([comesBack(seenAfter(7_000)), comesBack(seenAfter(40 * 3_600))]).toEqual([true, false]);
});

it.each(["1.3.1", "1.2.2"] as const)(
  "POST /ticks/canary sends one, Plane %s brings it back over HTTP, and the doctor tells how long it took",
  async (version) => {
    const plane = createPlane({ version, autoDeliver: true });
    const planeUrl = await plane.start();
    onTestFinished(() => plane.stop());
    const ada = plane.addUser({ name: "Ada" });
    plane.addProject({ name: "Onboarding", identifier: "ONB" });
    const port = await freePort();
    const webhook = plane.addWebhook(`http://127.0.0.1:${port}/webhooks/plane`);
    const env = {
      ...ENV,
      PORT: String(port),
      PLANE_URL: planeUrl,
      PLANE_API_KEY: plane.apiKey(ada),
      PLANE_WEBHOOK_SECRET: webhook.secret,
      GROUNDCREW_CONFIG: "crew.json",
    };
    const settings = settingsOf(env, { "crew.json": JSON.stringify({ canary: { project: "ONB" } }) });
    const runtime = await startRuntime(settings, { manifest: { ...manifest, services: [] }, write: () => {} });
    onTestFinished(() => runtime.stop());
    const answer = await fetch(`${runtime.url}/ticks/canary`, { method: "POST", ...bearer(ADMIN) });
    expect(await answer.json()).toMatchObject({ name: "canary", sent: 1 });
    const seen = await seeRuntime({ fetch, clock: Date.now }, runtime.url, ADMIN);
    expect(comesBack(seen)).toBe(true);
    const told = runtimeChecks(runtime.url, seen, settings).find(({ name }) => name === "webhooks");
    expect(told).toMatchObject({ status: "ok", detail: expect.stringMatching(/came back in [\d.]+ s, \d s ago/) });
  },
);
