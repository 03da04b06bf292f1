import { expect, test } from "vitest";
import { createPlaneFixture } from "./plane-fixture.ts";

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
