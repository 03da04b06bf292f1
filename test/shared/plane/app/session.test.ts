import { expect, test } from "vitest";
import { noMetrics } from "../../../../shared/metrics.ts";
import { accountsApi, authApi, createPlaneSession } from "../../../../shared/plane/app/session.ts";
import { type ScriptedStep, startScriptedServer } from "../../../support/test-server.ts";
import { captureError } from "../plane-client-harness.ts";

test("a sign-in sends the token's cookie with the form, later requests send the session's, and a cookie that ends is not sent again", async () => {
  const redirectWith = (...cookies: string[]): ScriptedStep => ({
    status: 302,
    headers: { location: "http://plane.test", "set-cookie": cookies },
  });
  const server = await startScriptedServer(
    { status: 200, headers: { "set-cookie": "csrftoken=c1; Path=/; SameSite=Lax" }, body: { csrf_token: "t1" } },
    redirectWith("session-id=s1=b; HttpOnly; Path=/", "csrftoken=c2", "gone=1", "old=1"),
    redirectWith("gone=; Max-Age=0", "old=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"),
    { status: 401, body: { detail: "Authentication credentials were not provided." } },
  );
  const clock = () => Date.UTC(2026, 10, 21);
  const url = `${server.url}/`;
  const plane = createPlaneSession({ url, fetch: globalThis.fetch, metrics: noMetrics, clock });
  const { csrf_token } = (await plane.call(authApi.csrf)).data;
  const form = { email: "a+b@example.test", password: "p&=ä", csrfmiddlewaretoken: csrf_token };
  expect((await plane.call(authApi.signIn, { form })).data).toEqual({ refused: undefined });
  for (let nth = 0; nth < 2; nth += 1) await captureError(plane.call(accountsApi.me));
  const [asked, posted] = server.requests;
  // Plane requires its own address as referer over https.
  expect(asked?.headers.referer).toBe(url);
  expect(posted?.headers["content-type"]).toBe("application/x-www-form-urlencoded;charset=UTF-8");
  expect(Object.fromEntries(new URLSearchParams(posted?.body))).toEqual(form);
  expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([
    ...[undefined, "csrftoken=c1", "csrftoken=c2; session-id=s1=b; gone=1; old=1", "csrftoken=c2; session-id=s1=b"],
  ]);
});
