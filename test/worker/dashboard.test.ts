import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestHarness } from "wrangler";

const ADMIN = "admin-token-of-tests";
const worker = createTestHarness({
  workers: [
    {
      configPath: "wrangler.jsonc",
      vars: { PLANE_URL: "http://127.0.0.1:1", PLANE_WORKSPACE: "javisi", ALLOWED_HOSTS: "crew.example.com" },
      secrets: { PLANE_API_KEY: "plane_api_of_this_test", ADMIN_TOKEN: ADMIN },
    },
  ],
});

beforeAll(async () => {
  await worker.listen();
}, 60_000);
afterAll(() => worker.close());

test("Groundcrew in workerd serves its page without tickets, and data only after signing in", async () => {
  const origin = "https://crew.example.com";
  const page = await worker.fetch(origin);
  expect([page.status, page.headers.get("content-security-policy")]).toEqual([200, expect.stringContaining("'none'")]);
  const markup = await page.text();
  expect(markup).toContain('data-view="inbox"');
  expect(markup).not.toContain('data-view="tickets"');
  expect(await (await worker.fetch(`${origin}/assets/page.js`)).text()).toContain("EventSource");
  // Its views whose scripts are loaded when they are opened.
  for (const name of ["plan.js", "schedules.js", "task-page.js"])
    expect(await (await worker.fetch(`${origin}/assets/${name}`)).text()).toMatch(/from"\.\/page\.js"/);
  for (const path of ["/assets/tickets.js", "/terminal/ONB-1", "/api/sessions"])
    expect([path, (await worker.fetch(origin + path)).status]).toEqual([path, 404]);
  expect((await worker.fetch(`${origin}/api/board`)).status).toBe(401);
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ token: ADMIN });
  const signedIn = await worker.fetch(`${origin}/api/session`, { method: "POST", headers, body });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const board = await worker.fetch(`${origin}/api/board`, { headers: { cookie } });
  expect([board.status, await board.json()]).toMatchObject([200, { projects: [], demo: false }]);

  expect((await worker.fetch(`${origin}/api/events`)).status).toBe(401);
  const events = await worker.fetch(`${origin}/api/events`, { headers: { cookie } });
  const { value } = (await events.body?.getReader().read()) ?? {};
  expect([events.headers.get("content-type"), new TextDecoder().decode(value)]).toEqual([
    "text/event-stream",
    expect.stringMatching(/^event: change\ndata: [\d.]+\n\n$/),
  ]);
});
