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
  expect(asked?.headers.cookie).toBeUndefined();
  expect(posted?.headers).toMatchObject({
    cookie: "csrftoken=c1",
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
  });
  expect(Object.fromEntries(new URLSearchParams(posted?.body))).toEqual(form);
  expect(then?.headers.cookie).toBe("csrftoken=c2; session-id=s1");
});

test("every request has Plane's own address as its referer, which Plane requires over https", async () => {
  const { session: plane, server } = await createSessionSetup(csrf);
  await plane.call(authApi.csrf);
  expect(server.requests[0]?.headers.referer).toBe(`${server.url}/`);
});

test("a refused form answers Plane's reason, and its redirect is not followed", async () => {
  const location = "http://plane.test/?error_code=5065&error_message=AUTHENTICATION_FAILED_SIGN_IN&email=a%40b.test";
  const { session: plane, server } = await createSessionSetup({ status: 302, headers: { location } });
  const outcome = await plane.call(authApi.signIn, { form: { email: "a@b.test", password: "wrong" } });
  expect(outcome.data).toEqual({ refused: { code: 5065, reason: "AUTHENTICATION_FAILED_SIGN_IN" } });
  expect(server.requests).toHaveLength(1);
});

test.each(["gone=; Max-Age=0", "gone=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"])(
  "the cookie that ends with %j is not sent again",
  async (end) => {
    const { session: plane, server } = await createSessionSetup(
      { status: 302, headers: { location: "/", "set-cookie": ["gone=1", "kept=a=b"] } },
      { status: 302, headers: { location: "/", "set-cookie": end } },
      unknown,
    );
    for (let nth = 0; nth < 3; nth += 1) await captureError(plane.call(accountsApi.me));
    expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([undefined, "gone=1; kept=a=b", "kept=a=b"]);
  },
);

test("two sessions do not share their cookies", async () => {
  const { session: plane, server } = await createSessionSetup(csrf);
  const other = createPlaneSession({ url: server.url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  await plane.call(authApi.csrf);
  await other.call(authApi.csrf);
  expect(server.requests[1]?.headers.cookie).toBeUndefined();
});

test("a session does not repeat failed requests", async () => {
  const { session: plane, server } = await createSessionSetup({ status: 503, body: "" });
  expect(await captureError(plane.call(accountsApi.me))).toMatchObject({ code: "unavailable", status: 503 });
  expect(server.requests).toHaveLength(1);
});
