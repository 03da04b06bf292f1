import { expect, test } from "vitest";
import { createPlaneFixture, EPOCH } from "./plane-fixture.ts";

test("the simulated Plane answers 401 without an API key, and 403 for a wrong or revoked key or an unknown workspace", async () => {
  const { plane, api, key } = await createPlaneFixture();
  expect((await fetch(`${plane.url}/api/v1/users/me/`)).status).toBe(401);
  expect((await api("GET", "/api/v1/users/me/", undefined, "plane_api_x")).status).toBe(403);
  expect((await api("GET", "/api/v1/workspaces/nope/projects/")).status).toBe(403);
  plane.revokeKey(key);
  expect((await api("GET", "/api/v1/users/me/")).status).toBe(403);
});

test("a work item can be deleted by its creator and by an admin, but not by another member", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  const itemOfAda = plane.addItem(project, { name: "hers" });
  const itemOfImhotep = plane.addItem(project, { name: "his" }, { by: imhotep });
  const path = (id: string) => `${root}/work-items/${id}/`;
  expect((await api("DELETE", path(itemOfAda.id), undefined, imhotepKey)).status).toBe(403);
  expect((await api("DELETE", path(itemOfImhotep.id), undefined, imhotepKey)).status).toBe(204);
  expect((await api("DELETE", path(itemOfAda.id))).status).toBe(204);
  expect(plane.items(project)).toEqual([]);
});

test("a user outside a project sees the project but not its items; any workspace member can create a project and is its admin", async () => {
  const { plane, ada, api, imhotepKey } = await createPlaneFixture();
  const closed = plane.addProject({ name: "Closed", identifier: "CLO", by: ada, members: [] });
  const item = plane.addItem(closed, { name: "x" });
  expect((await api("GET", `/projects/${closed.id}/work-items/`, undefined, imhotepKey)).status).toBe(403);
  expect((await api("GET", `/projects/${closed.id}/work-items/${item.id}/`, undefined, imhotepKey)).status).toBe(403);
  const { body } = await api("GET", "/projects/", undefined, imhotepKey);
  expect(body.results.find((each: { id: string }) => each.id === closed.id)).toMatchObject({ is_member: false });
  const created = await api("POST", "/projects/", { name: "Mine", identifier: "MINE" }, imhotepKey);
  expect(created).toMatchObject({ status: 201, body: { member_role: 20 } });
});

test("the rate limit allows 60 requests per minute and key; the 61st is refused until the first is a minute old", async () => {
  const { api, advanceClock, imhotepKey } = await createPlaneFixture({ rateLimit: 60 });
  const getMe = (key?: string) => api("GET", "/api/v1/users/me/", undefined, key);
  const first = await getMe();
  expect(first.headers.get("x-ratelimit-remaining")).toBe("59");
  expect(first.headers.get("x-ratelimit-reset")).toBe(String(Math.floor(EPOCH / 1000) + 60));
  advanceClock(20_000);
  for (let n = 2; n <= 60; n += 1) expect((await getMe()).status).toBe(200);
  advanceClock(15_000);
  const refused = await getMe();
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("25");
  expect(refused.headers.has("x-ratelimit-remaining")).toBe(false);
  expect(refused.body).toEqual({ error_code: 5900, error_message: "RATE_LIMIT_EXCEEDED" });
  expect((await getMe(imhotepKey)).status).toBe(200);
  advanceClock(25_000);
  expect((await getMe()).status).toBe(200);
  expect((await getMe()).status).toBe(429);
});

test("the ledger records every request with the key's owner and the status of the answer", async () => {
  const { plane, ada, api, root } = await createPlaneFixture();
  await api("GET", `${root}/work-items/?per_page=5`);
  await api("GET", "/api/v1/users/me/", undefined, "wrong");
  expect(plane.ledger.requests).toEqual([
    {
      at: EPOCH,
      owner: ada.id,
      api: true,
      method: "GET",
      path: `/api/v1/workspaces/javisi${root}/work-items/?per_page=5`,
      status: 200,
    },
    { at: EPOCH, owner: null, api: false, method: "GET", path: "/api/v1/users/me/", status: 403 },
  ]);
  plane.ledger.clear();
  expect(plane.ledger.requests).toEqual([]);
});

test("the simulated Plane v1.2.2 has no endpoints for relations and project summaries", async () => {
  const { plane, project, api, root } = await createPlaneFixture({ version: "1.2.2" });
  const item = plane.addItem(project, { name: "x" });
  for (const path of [`${root}/work-items/${item.id}/relations/`, `${root}/summary/`])
    expect(await api("GET", path)).toMatchObject({ status: 404, body: { error: "Page not found." } });
});

test("a webhook address with a private or own host is refused unless listed, and names need a dot; v1.2.2 refuses only loopback", async () => {
  for (const [version, expected] of [
    ["1.3.1", [400, 400, 400, 201, 201]],
    ["1.2.2", [201, 400, 201, 201, 400]],
  ] as const) {
    const { plane, ada } = await createPlaneFixture({ version, webhookAllowedHosts: ["127.0.0.2"] });
    plane.setPassword(ada, "Groundcrew 4ever!");
    const cookie = await signIn(plane.url, ada.email);
    const statuses: number[] = [];
    for (const host of ["10.1.2.3", "127.0.0.1", "bridge", "bridge.test", "127.0.0.2"]) {
      const response = await fetch(`${plane.url}/api/workspaces/javisi/webhooks/`, {
        method: "POST",
        headers: { cookie, "content-type": "application/json" },
        body: JSON.stringify({ url: `http://${host}:8787/webhooks/plane`, issue: true }),
      });
      statuses.push(response.status);
    }
    expect(statuses).toEqual(expected);
  }
});

test("a project guest reads items and cannot create them; a workspace member cannot see webhooks", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  plane.addProjectMember(project, imhotep, 5);
  expect((await api("GET", `${root}/work-items/`, undefined, imhotepKey)).status).toBe(200);
  expect((await api("POST", `${root}/work-items/`, { name: "x" }, imhotepKey)).status).toBe(403);
  plane.setPassword(imhotep, "Groundcrew 4ever!");
  const cookie = await signIn(plane.url, imhotep.email);
  const getStatus = async (path: string) => (await fetch(plane.url + path, { headers: { cookie } })).status;
  expect(await getStatus("/api/workspaces/javisi/members/")).toBe(200);
  expect(await getStatus("/api/workspaces/javisi/webhooks/")).toBe(403);
});

async function signIn(url: string, email: string): Promise<string> {
  const { headers } = await fetch(`${url}/auth/get-csrf-token/`);
  const token = /csrftoken=([^;]+)/.exec(headers.get("set-cookie") ?? "")?.[1] ?? "";
  const response = await fetch(`${url}/auth/sign-in/`, {
    method: "POST",
    redirect: "manual",
    headers: { cookie: `csrftoken=${token}` },
    body: new URLSearchParams({ email, password: "Groundcrew 4ever!", csrfmiddlewaretoken: token }),
  });
  return /session-id=[^;]+/.exec(response.headers.get("set-cookie") ?? "")?.[0] ?? "";
}
