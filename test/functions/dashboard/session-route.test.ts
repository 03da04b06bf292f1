import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createPageSessions } from "../../../shared/http/page-sessions.ts";
import { signIn } from "../../support/http-test-app.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";
import { RUNTIME_ADMIN_TOKEN, RUNTIME_TICK_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";

const requestBoard = (url: string, cookie: string) => fetch(`${url}/api/board`, { headers: { cookie } });

test("Signing in with ADMIN_TOKEN sets a cookie for twelve hours that no script can read and no other site sends; another token and an invalid body are refused", async () => {
  const { url } = await startTestRuntime();
  expect((await fetch(`${url}/api/board`)).status).toBe(401);
  const { status, set, cookie } = await signIn(url, RUNTIME_ADMIN_TOKEN);
  expect(status).toBe(200);
  for (const part of ["; HttpOnly", "; SameSite=Strict", "Max-Age=43200"]) expect(set).toContain(part);
  expect(set).not.toMatch(/Secure/);
  expect((await requestBoard(url, cookie)).status).toBe(200);
  // It opens the page's routes only, and changes nothing without an Origin.
  for (const path of ["/audit", "/metrics", "/ready"])
    expect((await fetch(url + path, { headers: { cookie } })).status).toBe(401);
  expect((await fetch(`${url}/api/sign-ins`, { method: "DELETE", headers: { cookie } })).status).toBe(403);
  for (const token of ["", `${RUNTIME_ADMIN_TOKEN}x`, RUNTIME_TICK_TOKEN]) {
    const { status, set } = await signIn(url, token);
    expect([status, set]).toEqual([401, ""]);
  }
  const headers = { "content-type": "application/json" };
  for (const body of ["{}", "[", '{"token":1}', `{"token":"${"x".repeat(2_000)}"}`])
    expect((await fetch(`${url}/api/session`, { method: "POST", headers, body })).status, body).toBe(400);
});

test("Signing in with an https PUBLIC_URL sets a cookie that is sent over https only and to this host only", async () => {
  const { url } = await startTestRuntime({ env: { PUBLIC_URL: "https://crew.example.com" } });
  const { set } = await signIn(url, RUNTIME_ADMIN_TOKEN);
  expect(set).toMatch(/^__Host-groundcrew=/);
  expect(set).toMatch(/; Secure/);
});

test("reliability 33: signing in is answered with 429 after 20 wrong tokens a minute, while the right token always signs in", async () => {
  const { url } = await startTestRuntime();
  for (let i = 0; i < 20; i += 1) expect((await signIn(url, `guess-${i}`)).status).toBe(401);
  for (let i = 0; i < 12; i += 1) {
    const { status, cookie } = await signIn(url, RUNTIME_ADMIN_TOKEN);
    expect([status, (await requestBoard(url, cookie)).status]).toEqual([200, 200]);
    const wrong = await signIn(url, `another-guess-${i}`);
    expect(wrong.status).toBe(429);
    expect(Number(wrong.response.headers.get("retry-after"))).toBeGreaterThan(0);
  }
});

test("A session ends after twelve hours, or when its ADMIN_TOKEN is removed, not while both tokens are valid", async () => {
  const time = { now: 1_000_000 };
  const store = createMemoryStore({ clock: () => time.now });
  const createSessions = (...adminTokens: string[]) =>
    createPageSessions({ store, settings: { ...createTestSettings(PLANE_ENV), adminTokens } });
  const place = { address: "203.0.113.7", browser: "Firefox, Linux" };
  const cookie = (await createSessions("old").openForAdmin("old", place)) ?? "";
  time.now += 12 * 3_600_000 - 1;
  expect(await createSessions("new", "old").find(cookie)).toBeDefined();
  expect(await createSessions("new").find(cookie)).toBeUndefined();
  const other = (await createSessions("old").openForAdmin("old", place)) ?? "";
  time.now += 12 * 3_600_000;
  expect(await createSessions("old").find(other)).toBeUndefined();
});
