import { describe, expect, it } from "vitest";
import { canaryKey, type KeptCanary } from "../../shared/canary/kept.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import { ADMIN, bearer, started } from "../runtime/started.ts";

const TELEGRAM = {
  TELEGRAM_BOT_TOKEN: "123456:marked-bot-token",
  TELEGRAM_CHAT_ID: "-100",
  TELEGRAM_API_ROOT: "http://127.0.0.1:1",
};

async function ready(url: string) {
  const response = await fetch(`${url}/ready`, bearer(ADMIN));
  return { status: response.status, body: await response.json() };
}

describe("GET /ready (MONITOR-01)", () => {
  it("is 503 until Plane was reached once, then 200 with the age of what worked", async () => {
    let now = 1_700_000_000_000;
    const { url, deps } = await started({ overrides: { clock: () => now } });
    expect(await ready(url)).toEqual({
      status: 503,
      body: { status: "not ready", store: { ok: true, age_s: 0 }, plane: { ok: null, age_s: null } },
    });
    deps.health.worked("plane");
    now += 12_000;
    expect(await ready(url)).toEqual({
      status: 200,
      body: { status: "ready", store: { ok: true, age_s: 0 }, plane: { ok: true, age_s: 12 } },
    });
  });

  it("tells what does not work, since when it did and why, without a secret", async () => {
    let now = 1_700_000_000_000;
    const { url, deps } = await started({ env: TELEGRAM, overrides: { clock: () => now } });
    deps.health.worked("plane");
    await deps.telegram?.me();
    now += 30_000;
    deps.health.failed("plane", `401 for ${deps.settings.plane?.apiKey}`);
    const { status, body } = await ready(url);
    expect(status).toBe(503);
    expect(body).toMatchObject({
      plane: { ok: false, age_s: 30, error: "401 for [secret]" },
      telegram: { ok: false, age_s: null, error: expect.any(String) },
    });
    expect(JSON.stringify(body)).not.toContain("marked-bot-token");
  });

  it("tells that the store is down", async () => {
    const real = memoryStore({ clock: Date.now });
    const { url } = await started({ store: { ...real, now: () => Promise.reject(new Error("ECONNREFUSED")) } });
    expect((await ready(url)).body).toMatchObject({ store: { ok: false, error: "ECONNREFUSED" } });
  });

  it("tells that the store does not answer within 2 s", async () => {
    const real = memoryStore({ clock: Date.now });
    let hangs = false;
    const { url } = await started({
      store: { ...real, now: () => (hangs ? new Promise(() => {}) : real.now()) },
      overrides: {
        wait: (ms, signal) =>
          hangs && ms === 2_000
            ? Promise.resolve()
            : new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
      },
    });
    hangs = true;
    expect((await ready(url)).body).toMatchObject({ store: { ok: false, error: "no answer within 2000 ms" } });
    hangs = false;
  });

  it("tells how the last canary went, and stays ready while webhooks are silent", async () => {
    const store = memoryStore({ clock: () => 1_000_000 });
    const { url, deps } = await started({ store });
    deps.health.worked("plane");
    const place = { project: "p", item: "i", comment: "c" };
    const keep = (value: Partial<KeptCanary>) =>
      store.commit({ put: [{ key: canaryKey, value: { ...place, ...value } }] });
    await keep({ sent: { nonce: "1", at: 990_000 }, back: { nonce: "1", at: 992_500, took: 2_500 } });
    expect(await ready(url)).toMatchObject({ status: 200, body: { webhooks: { ok: true, age_s: 8, seconds: 2.5 } } });
    await keep({ sent: { nonce: "2", at: 880_000 }, silentSince: 880_000 });
    expect(await ready(url)).toEqual({
      status: 200,
      body: expect.objectContaining({
        webhooks: { ok: false, age_s: null, seconds: null, error: expect.stringContaining("silent for 2 min") },
      }),
    });
  });
});
