import { expect, onTestFinished, test } from "vitest";
import { noMetrics } from "../../../../shared/metrics.ts";
import { accountsApi, authApi, createPlaneSession } from "../../../../shared/plane/app/session.ts";
import { type ScriptedStep, startScriptedServer } from "../../../support/scripted-server.ts";
import { captureError } from "../plane-client-harness.ts";

async function createSessionSetup(...steps: ScriptedStep[]) {
  const server = await startScriptedServer(...steps);
  onTestFinished(() => server.close());
  const clock = () => Date.UTC(2026, 10, 21);
  return {
    server,
    session: createPlaneSession({ url: `${server.url}/`, fetch: globalThis.fetch, metrics: noMetrics, clock }),
  };
}

const csrf: ScriptedStep = {
  status: 200,
  headers: { "set-cookie": "csrftoken=c1; Path=/; SameSite=Lax" },
  body: { csrf_token: "t1" },
};
const signedIn: ScriptedStep = {
  status: 302,
  headers: { location: "http://plane.test", "set-cookie": ["session-id=s1; HttpOnly; Path=/", "csrftoken=c2"] },
};
const unknown: ScriptedStep = { status: 401, body: { detail: "Authentication credentials were not provided." } };

test("a sign-in sends the token's cookie with the form, and later requests send the session's cookie", async () => {
  const { session: plane, server } = await createSessionSetup(csrf, signedIn, unknown);
  const { csrf_token } = (await plane.call(authApi.csrf)).data;
  const form = { email: "a+b@example.test", password: "p&=ä", csrfmiddlewaretoken: csrf_token };
  expect((await plane.call(authApi.signIn, { form })).data).toEqual({ refused: undefined });
  await captureError(plane.call(accountsApi.me));
  const [asked, posted, then] = server.requests;
  // Plane requires its own address as referer over https.
  expect(asked?.headers).toMatchObject({ referer: `${server.url}/` });
  expect(asked?.headers.cookie).toBeUndefined();
  expect(posted?.headers).toMatchObject({
    cookie: "csrftoken=c1",
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
  });
  expect(Object.fromEntries(new URLSearchParams(posted?.body))).toEqual(form);
  expect(then?.headers.cookie).toBe("csrftoken=c2; session-id=s1");
});

test("a cookie that ends is not sent again", async () => {
  const end = ["gone=; Max-Age=0", "old=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"];
  const { session: plane, server } = await createSessionSetup(
    { status: 302, headers: { location: "/", "set-cookie": ["gone=1", "old=1", "kept=a=b"] } },
    { status: 302, headers: { location: "/", "set-cookie": end } },
    unknown,
  );
  for (let nth = 0; nth < 3; nth += 1) await captureError(plane.call(accountsApi.me));
  expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([
    undefined,
    "gone=1; old=1; kept=a=b",
    "kept=a=b",
  ]);
});
