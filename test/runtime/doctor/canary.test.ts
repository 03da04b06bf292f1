import { expect, onTestFinished, test } from "vitest";
import { checkRuntime, hasRecentCanary, probeRuntime, type RuntimeProbe } from "../../../functions/doctor/runtime.ts";
import { manifest } from "../../../functions/index.ts";
import { startRuntime } from "../../../runtime/start-runtime.ts";
import { VERSION } from "../../../shared/version.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestSettings } from "../../support/settings.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, RUNTIME_ENV } from "../../support/test-runtime.ts";

test("the doctor warns about webhooks when the last canary arrived long ago", () => {
  const settings = createTestSettings({
    ...RUNTIME_ENV,
    PLANE_URL: "http://127.0.0.1:1",
    PLANE_WEBHOOK_SECRET: "wh-secret-of-tests",
  });
  const createProbe = (age_s: number): RuntimeProbe => ({
    alive: true,
    health: { status: "ok", version: VERSION, queues: {} },
    ready: { status: "ready", webhooks: { ok: true, age_s, seconds: 2 } },
  });
  const findCheck = (age_s: number) =>
    checkRuntime("http://127.0.0.1:1", createProbe(age_s), settings).find(({ name }) => name === "webhooks");
  expect(findCheck(7_000)).toMatchObject({ status: "ok" });
  expect(findCheck(40 * 3_600)).toMatchObject({
    status: "warning",
    detail: "the last canary arrived, 40 h ago; none has been sent since",
  });
  expect([hasRecentCanary(createProbe(7_000)), hasRecentCanary(createProbe(40 * 3_600))]).toEqual([true, false]);
});

test.each(["1.3.1", "1.2.2"] as const)(
  "POST /ticks/canary sends a canary, Plane %s delivers it over HTTP, and the doctor reports how long that took",
  async (version) => {
    const plane = createPlaneSimulator({ version, autoDeliver: true });
    const planeUrl = await plane.start();
    onTestFinished(() => plane.stop());
    const ada = plane.addUser({ name: "Ada" });
    plane.addProject({ name: "Onboarding", identifier: "ONB" });
    const port = await findFreePort();
    const webhook = plane.addWebhook(`http://127.0.0.1:${port}/webhooks/plane`);
    const env = {
      ...RUNTIME_ENV,
      PORT: String(port),
      PLANE_URL: planeUrl,
      PLANE_API_KEY: plane.createApiKey(ada),
      PLANE_WEBHOOK_SECRET: webhook.secret,
      GROUNDCREW_CONFIG: "crew.json",
    };
    const settings = createTestSettings(env, { "crew.json": JSON.stringify({ canary: { project: "ONB" } }) });
    const runtime = await startRuntime(settings, { manifest: { ...manifest, services: [] }, write: () => {} });
    onTestFinished(() => runtime.stop());
    const answer = await fetch(`${runtime.url}/ticks/canary`, {
      method: "POST",
      ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
    });
    expect(await answer.json()).toMatchObject({ name: "canary", sent: 1 });
    const probe = await probeRuntime({ fetch, clock: Date.now }, runtime.url, RUNTIME_ADMIN_TOKEN);
    expect(hasRecentCanary(probe)).toBe(true);
    const check = checkRuntime(runtime.url, probe, settings).find(({ name }) => name === "webhooks");
    expect(check).toMatchObject({ status: "ok", detail: expect.stringMatching(/arrived in [\d.]+ s, \d s ago/) });
  },
);
