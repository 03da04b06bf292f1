import { expect, test } from "vitest";
import { createPlaneFixture, EPOCH } from "./plane-fixture.ts";

test("no key is 401, a wrong or revoked one 403, an unknown workspace 403", async () => {
  const { plane, api, key } = await createPlaneFixture();
  expect((await fetch(`${plane.url}/api/v1/users/me/`)).status).toBe(401);
  expect((await api("GET", "/api/v1/users/me/", undefined, "plane_api_x")).status).toBe(403);
  expect((await api("GET", "/api/v1/workspaces/nope/projects/")).status).toBe(403);
  plane.revokeKey(key);
  expect((await api("GET", "/api/v1/users/me/")).status).toBe(403);
});

test("a member may not delete what others made, its maker and an admin may", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  const hers = plane.addItem(project, { name: "hers" });
  const his = plane.addItem(project, { name: "his" }, { by: imhotep });
  const path = (id: string) => `${root}/work-items/${id}/`;
  expect((await api("DELETE", path(hers.id), undefined, imhotepKey)).status).toBe(403);
  expect((await api("DELETE", path(his.id), undefined, imhotepKey)).status).toBe(204);
  expect((await api("DELETE", path(hers.id))).status).toBe(204);
  expect(plane.items(project)).toEqual([]);
});

test("who is not in a project sees that it exists and nothing in it; any member may make one and is its admin", async () => {
  const { plane, ada, api, imhotepKey } = await createPlaneFixture();
  const closed = plane.addProject({ name: "Closed", identifier: "CLO", by: ada, members: [] });
  const item = plane.addItem(closed, { name: "x" });
  expect((await api("GET", `/projects/${closed.id}/work-items/`, undefined, imhotepKey)).status).toBe(403);
  expect((await api("GET", `/projects/${closed.id}/work-items/${item.id}/`, undefined, imhotepKey)).status).toBe(403);
  const { body } = await api("GET", "/projects/", undefined, imhotepKey);
  expect(body.results.find((each: { id: string }) => each.id === closed.id)).toMatchObject({ is_member: false });
  const made = await api("POST", "/projects/", { name: "Mine", identifier: "MINE" }, imhotepKey);
  expect(made).toMatchObject({ status: 201, body: { member_role: 20 } });
});

test("60 requests a minute and key; the 61st waits for the first to be a minute old", async () => {
  const { api, advanceClock: pass, imhotepKey } = await createPlaneFixture({ rateLimit: 60 });
  const me = (key?: string) => api("GET", "/api/v1/users/me/", undefined, key);
  const first = await me();
  expect(first.headers.get("x-ratelimit-remaining")).toBe("59");
  expect(first.headers.get("x-ratelimit-reset")).toBe(String(Math.floor(EPOCH / 1000) + 60));
  pass(20_000);
  for (let n = 2; n <= 60; n += 1) expect((await me()).status).toBe(200);
  pass(15_000);
  const refused = await me();
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("25");
  expect(refused.headers.has("x-ratelimit-remaining")).toBe(false);
  expect(refused.body).toEqual({ error_code: 5900, error_message: "RATE_LIMIT_EXCEEDED" });
  expect((await me(imhotepKey)).status).toBe(200);
  pass(25_000);
  expect((await me()).status).toBe(200);
  expect((await me()).status).toBe(429);
});

test("the ledger has every request, whose key it was and what was answered", async () => {
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

test("v1.2.2 has no relations and no summary", async () => {
  const { plane, project, api, root } = await createPlaneFixture({ version: "1.2.2" });
  const item = plane.addItem(project, { name: "x" });
  for (const path of [`${root}/work-items/${item.id}/relations/`, `${root}/summary/`])
    expect(await api("GET", path)).toMatchObject({ status: 404, body: { error: "Page not found." } });
});

test("webhook addresses: private and own hosts are refused unless listed, names need a dot; v1.2.2 refuses only loopback", async () => {
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

test("a guest of a project reads and does not write; a member of the workspace sees none of its webhooks", async () => {
  const { plane, project, imhotep, api, root, imhotepKey } = await createPlaneFixture();
  plane.addProjectMember(project, imhotep, 5);
  expect((await api("GET", `${root}/work-items/`, undefined, imhotepKey)).status).toBe(200);
  expect((await api("POST", `${root}/work-items/`, { name: "x" }, imhotepKey)).status).toBe(403);
  plane.setPassword(imhotep, "Groundcrew 4ever!");
  const cookie = await signIn(plane.url, imhotep.email);
  const see = async (path: string) => (await fetch(plane.url + path, { headers: { cookie } })).status;
  expect(await see("/api/workspaces/javisi/members/")).toBe(200);
  expect(await see("/api/workspaces/javisi/webhooks/")).toBe(403);
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
