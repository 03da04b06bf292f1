import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createPageSessions } from "../../../shared/http/page-sessions.ts";
import { pollPeople } from "../../../shared/sync/projects.ts";
import { HTTP_ADMIN_TOKEN, signIn } from "../../support/http-test-app.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";
import { RUNTIME_ADMIN_TOKEN, RUNTIME_TICK_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { createPeopleApp } from "../people-app.ts";

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

type App = Awaited<ReturnType<typeof createPeopleApp>>;

/** Who is signed in with this cookie, or the status of the refusal. */
async function readSession(app: App, cookie: string): Promise<unknown> {
  const { status, text } = await app.requestAs(cookie, "GET /api/session");
  return status === 200 ? JSON.parse(text) : status;
}

const listSignIns = async (app: App, cookie: string): Promise<{ id: string; name: string; current?: true }[]> =>
  JSON.parse((await app.requestAs(cookie, "GET /api/sign-ins")).text).sign_ins;

test("PEOPLE-07: a person signs in with their own Plane API token, as who Plane says they are; an agent's token, a revoked one and one that Plane does not know sign nobody in", async () => {
  const app = await createPeopleApp();
  const gil = { name: "gil", email: "gil@javisi.local.test", role: "guest" };
  expect(await readSession(app, await app.signInAs("Gil"))).toEqual(gil);
  expect(await readSession(app, await app.signInAs("Eve"))).toMatchObject({ name: "eve", role: "admin" });
  // ADMIN_TOKEN signs in as admin, and is the admin of the API.
  const { cookie } = await app.signInWith(HTTP_ADMIN_TOKEN);
  expect(await readSession(app, cookie)).toEqual({ name: "admin", role: "admin" });
  expect(await (await app.request("/api/session", HTTP_ADMIN_TOKEN)).json()).toEqual({ name: "admin", role: "admin" });
  const revoked = app.plane.createApiKey(app.getPerson("Mia"));
  app.plane.revokeKey(revoked);
  for (const token of [app.plane.createApiKey(app.getUser("Imhotep")), revoked, `plane_api_${"0".repeat(32)}`])
    expect((await app.signInWith(token)).status).toBe(401);
});

test("PEOPLE-07: a Plane API token and a session's cookie are kept nowhere", async () => {
  const app = await createPeopleApp();
  const stored: unknown[] = app.recordCommits();
  const { consumeAll } = app.deps.store;
  app.deps.store.consumeAll = (all) => {
    stored.push(all);
    return consumeAll(all);
  };
  const cookie = await app.signInAs("Mia");
  const kept = JSON.stringify([stored, app.logged]);
  expect(kept).toContain("session:");
  for (const secret of [app.getPlaneToken("Mia"), cookie.split("=")[1]]) expect(kept).not.toContain(secret);
});

test("PEOPLE-07: who guesses Plane tokens costs Plane 20 requests a minute, and then none", async () => {
  const app = await createPeopleApp();
  const headers = { "x-forwarded-for": "198.51.100.9" };
  const guess = (i: number) => app.signInWith(`plane_api_${String(i).padStart(32, "0")}`, headers);
  for (let i = 0; i < 20; i += 1) expect((await guess(i)).status).toBe(401);
  const before = app.plane.ledger.requests.length;
  expect((await guess(20)).status).toBe(429);
  expect(app.plane.ledger.requests.length).toBe(before);
});

test("PEOPLE-07: who leaves the workspace is signed out at the next poll; who is in a project with them proves not to be it", async () => {
  const app = await createPeopleApp();
  const cookie = await app.signInAs("Mia");
  const ofGil = await app.signInAs("Gil");
  app.advance(1_000);
  app.plane.removeMember(app.getPerson("Mia"));
  await app.poll();
  // Plane goes on listing her over an API key, so the fallen number of members is the sign.
  expect(await readSession(app, cookie)).toBe(401);
  expect((await app.signInWith(app.getPlaneToken("Mia"))).status).toBe(401);
  expect(await readSession(app, ofGil)).toBe(401);
  const again = await app.signInAs("Gil");
  await app.poll();
  expect(await readSession(app, again)).toMatchObject({ name: "gil" });
});

test("PEOPLE-07: who is renamed in Plane stays signed in and has the new name after the next poll", async () => {
  const app = await createPeopleApp();
  const cookie = await app.signInAs("Mia");
  app.plane.editMember(app.getPerson("Mia"), { displayName: "Maria" });
  await pollPeople(app.deps);
  expect(await readSession(app, cookie)).toMatchObject({ name: "Maria", role: "member" });
  expect(await listSignIns(app, cookie)).toMatchObject([{ name: "Maria", current: true }]);
});

test("PEOPLE-07: who gets another role in Plane is signed out at the next poll, and their event stream closed", async () => {
  const app = await createPeopleApp();
  const cookie = await app.signInAs("Mia");
  const response = await fetch(`${app.url}/api/events`, { headers: { cookie } });
  expect(response.status).toBe(200);
  app.plane.editMember(app.getPerson("Mia"), { role: 5 });
  await pollPeople(app.deps);
  expect(await readSession(app, cookie)).toBe(401);
  app.advance(6_000);
  expect(await response.text()).toMatch(/^retry: [\s\S]*event: again\n/);
});

test("PEOPLE-07: a person sees and ends the own sessions only, an admin all", async () => {
  const app = await createPeopleApp();
  const [first, second] = [await app.signInAs("Mia"), await app.signInAs("Mia")];
  const [gil, eve] = [await app.signInAs("Gil"), await app.signInAs("Eve")];
  const own = (await listSignIns(app, first)).map(({ name, current }) => `${name} ${current}`);
  expect(own.sort()).toEqual(["mia true", "mia undefined"]);
  expect((await listSignIns(app, eve)).map(({ name }) => name).sort()).toEqual(["eve", "gil", "mia", "mia"]);
  const ofGil = (await listSignIns(app, gil))[0]?.id ?? "";
  expect((await app.requestAs(first, `DELETE /api/sign-ins/${ofGil}`)).status).toBe(404);
  expect(await readSession(app, gil)).toMatchObject({ name: "gil" });
  expect((await app.requestAs(first, "DELETE /api/sign-ins")).text).toBe('{"ended":1}');
  expect(await readSession(app, second)).toBe(401);
  expect(await readSession(app, first)).toMatchObject({ name: "mia" });
  expect((await app.requestAs(eve, `DELETE /api/sign-ins/${ofGil}`)).status).toBe(200);
  expect(await readSession(app, gil)).toBe(401);
});

test("PEOPLE-07: with the setting people only those whom it names sign in", async () => {
  const app = await createPeopleApp({ config: { people: [{ email: "gil@javisi.local.test" }] } });
  expect((await app.signInWith(app.getPlaneToken("Gil"))).status).toBe(200);
  expect((await app.signInWith(app.getPlaneToken("Mia"))).status).toBe(401);
});
