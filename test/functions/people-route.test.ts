import { expect, test } from "vitest";
import { runCliHere } from "../runtime/cli/cli-process.ts";
import { createHttpTestApp, HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "1:token", TELEGRAM_CHAT_ID: "-5", TELEGRAM_ALLOWED_USERS: "42,77" };

/** A workspace with Bob, who is in ONB, and a list that names him and Zoe, who is not there. */
async function createTeam() {
  const users: Record<string, string> = {};
  const app = await createHttpTestApp({
    config: { people: [{ email: "bob@javisi.local.test", telegram: 42 }, { email: "zoe@example.test" }] },
    setUpPlane(plane) {
      users["bob"] = plane.addUser({ name: "Bob" }).id;
      return TELEGRAM;
    },
  });
  return Object.assign(app, { users });
}

test("GET /api/people lists the people as Plane has them now, and the numbers without a name", async () => {
  const app = await createTeam();
  await app.runFirstPoll();
  const response = await app.request("/api/people", HTTP_ADMIN_TOKEN);
  expect(await response.json()).toEqual({
    people: [
      { name: "bob", email: "bob@javisi.local.test", role: "member", telegram: 42, projects: ["ONB"] },
      { name: "zoe@example.test", email: "zoe@example.test", projects: [] },
    ],
    unnamed: [77],
  });
});

test("GET /api/people says when a person signed in last, also after they signed out", async () => {
  const app = await createTeam();
  await app.runFirstPoll();
  const bob = app.plane.createApiKey({ id: app.users["bob"] ?? "" });
  const signIn = await app.request("/api/session", "", { method: "POST", body: JSON.stringify({ token: bob }) });
  expect(signIn.status).toBe(200);
  const [cookie = ""] = signIn.headers.get("set-cookie")?.split(";") ?? [];
  await app.request("/api/session", "", { method: "DELETE", headers: { cookie, origin: app.url } });
  const response = await app.request("/api/people", HTTP_ADMIN_TOKEN);
  const at = new Date(app.time.now).toISOString();
  expect(await response.json()).toMatchObject({ people: [{ name: "bob", last_sign_in: at }, {}] });
});

test("groundcrew people lists them for a terminal, and as JSON", async () => {
  const app = await createTeam();
  await app.runFirstPoll();
  const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const text = await runCliHere(["people"], { env });
  expect(text).toMatchObject({ exit: 0, err: "" });
  expect(text.out).toMatch(/bob@javisi\.local\.test[\s\S]*role: +member[\s\S]*telegram: +42/);
  const { out } = await runCliHere(["people", "--json"], { env });
  expect(JSON.parse(out)).toMatchObject({ people: [{ name: "bob" }, {}], unnamed: [77] });
});
