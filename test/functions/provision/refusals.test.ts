import { expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { instanceAdmin } from "../../../shared/plane/app/instance-admin.ts";
import { createPlaneSession } from "../../../shared/plane/app/session.ts";
import { auth } from "../../../shared/plane/app/sign-in.ts";
import { webhooks } from "../../../shared/plane/app/webhooks.ts";
import { workspaces } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN, NOTES, type Rig, rig, SECRETS } from "./rig.ts";
import { stateOf } from "./state.ts";

const PASSWORD = "a-Strong-one-123";

/** A Plane that Ada has set up herself; with a workspace of hers unless there is to be none. */
async function inUse(options: Parameters<typeof rig>[0] = {}, slug = "javisi") {
  const { env, ...rest } = options;
  const crew = await rig({ ...rest, env: { PLANE_ADMIN_PASSWORD: PASSWORD, ...env } });
  const session = createPlaneSession({ url: crew.url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  const post = async (endpoint: typeof auth.signIn, more = {}) => {
    const { csrf_token } = (await session.call(auth.csrf)).data;
    const form = { email: ADMIN, password: PASSWORD, csrfmiddlewaretoken: csrf_token, ...more };
    expect((await session.call(endpoint, { form })).data.refused).toBeUndefined();
  };
  await post(instanceAdmin.signUp, { first_name: "Ada" });
  await post(auth.signIn);
  if (slug)
    await session.call(workspaces.create, { json: { name: "Ours since long", slug, organization_size: "2-10" } });
  return { crew, session };
}

/** The next answers of a form are this refusal. */
function refuseForm({ plane }: Rig, path: string, reason: string) {
  const headers = { location: `${plane.url}/?error_code=5000&error_message=${reason}` };
  return plane.faults.add({ method: "POST", path }, { kind: "status", status: 302, headers, body: "" });
}

/** The network with one answer changed on its way. */
function altered(path: string, change: (body: string) => string): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (!String(input).endsWith(path)) return answer;
    return new Response(change(await answer.text()), {
      status: answer.status,
      headers: { "content-type": "application/json" },
    });
  };
}

test("sign-up switched off: invited accounts are made all the same", async () => {
  const { crew, session } = await inUse();
  await session.call(instanceAdmin.configure, { json: { ENABLE_SIGNUP: "0" } });
  expect(await crew.report()).toMatchObject({ exit: 0, failed: [] });
});

test("sign-up switched off for invited accounts, too: says where to switch it on and what can be done by hand", async () => {
  const crew = await rig();
  const undo = refuseForm(crew, "/auth/sign-up/", "SIGNUP_DISABLED");
  const { exit, detail, failed } = await crew.report();
  expect(exit).toBe(1);
  expect(detail("account Thot")).toContain("sign-up is switched off. Switch it on while provision runs (God mode");
  expect(detail("account Thot")).toContain("PLANE_API_KEY_<AGENT>");
  expect(failed.find(({ name }) => name === "API key Thot")?.detail).toBe("not tried, because of: account Thot");
  undo();
  expect(await crew.report()).toMatchObject({ exit: 0, failed: [] });
  expect(await crew.report()).toMatchObject({ changed: 0 });
});

test("passwords switched off: says that Plane wants a code by e-mail, before anything is done", async () => {
  const crew = await rig();
  const off = (body: string) => body.replace('"is_email_password_enabled":true', '"is_email_password_enabled":false');
  const { exit, detail, failed, steps } = await crew.report(["--yes"], { fetch: altered("/api/instances/", off) });
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(
    "by e-mail (password sign-in is off), which no program can do. Switch passwords on",
  );
  expect(failed.map(({ name }) => name)).toContain("workspace");
  expect(steps.find(({ name }) => name === "workspace")?.detail).toContain("not tried");
});

test("e-mail verification on: a sign-up that ends in a code by e-mail says so", async () => {
  const crew = await rig();
  refuseForm(crew, "/auth/sign-up/", "MAGIC_SIGN_UP_EMAIL_CODE_REQUIRED");
  expect((await crew.report()).detail("account Imhotep")).toContain(
    "wants imhotep@javisi.local to prove the address by e-mail",
  );
});

test("a webhook to a private address: names the variable of Plane to set, with its value", async () => {
  const crew = await rig({ env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" } });
  const { exit, failed, detail } = await crew.report();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["webhook"]);
  expect(detail("webhook")).toContain("it is a private address, or leads to one");
  expect(detail("webhook")).toContain("Set WEBHOOK_ALLOWED_IPS=10.1.2.3 in the environment of Plane's api and worker");
});

test("a webhook to a name without a dot: names the variable, and with it set it works", async () => {
  const env = { PLANE_WEBHOOK_TARGET: "http://groundcrew:8787/webhooks/plane" };
  expect((await (await rig({ env })).report()).detail("webhook")).toMatch(/no dot .*WEBHOOK_ALLOWED_HOSTS=groundcrew/);
  const allowed = await rig({ env, webhookAllowedHosts: ["groundcrew"] });
  expect((await allowed.report()).failed).toEqual([]);
});

test("a webhook to Plane's own host is told apart from a private address", async () => {
  const crew = await rig();
  const own = { url: "URL domain or its subdomain is not allowed." };
  const body = JSON.stringify(own);
  crew.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status: 400, body });
  const said = (await crew.report()).detail("webhook");
  expect(said).toContain("it is on Plane's own host or below it");
  expect(said).toContain("WEBHOOK_ALLOWED_HOSTS=crew.example.com");
});

test("v1.2.x has no such variable: says to set another address", async () => {
  const crew = await rig({ version: "1.2.2", env: { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" } });
  const said = (await crew.report()).detail("webhook");
  expect(said).toContain("This version of Plane has no variable to allow it");
  expect(said).not.toContain("WEBHOOK_ALLOWED");
});

test("another edition: nothing is done, and what can be done by hand is said", async () => {
  const crew = await rig();
  const fetch = altered("/api/instances/", (body) => body.replace("PLANE_COMMUNITY", "PLANE_COMMERCIAL"));
  const { exit, changed, detail } = await crew.report(["--yes"], { fetch });
  expect({ exit, detail: detail("plane") }).toMatchObject({
    exit: 1,
    detail: expect.stringContaining("another edition of Plane (PLANE_COMMERCIAL)"),
  });
  expect(detail("plane")).toContain("By hand: invite an account for each agent");
  expect(crew.plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(changed).toBeLessThan(10);
});

test("Plane's cloud is told by its name", async () => {
  const crew = await rig();
  const fetch: typeof globalThis.fetch = (input, init) =>
    globalThis.fetch(String(input).replace("https://app.plane.so", crew.url), init);
  const { detail } = await crew.report(["--yes"], { fetch, env: { ...crew.env, PLANE_URL: "https://app.plane.so" } });
  expect(detail("plane")).toContain("https://app.plane.so is Plane's cloud");
});

test("a workspace that others use: only what is ours is added, nothing of theirs is touched", async () => {
  const { crew, session } = await inUse();
  const params = { workspace: "javisi" };
  const url = "https://n8n.example.com/hook";
  await session.call(webhooks.create, { params, json: { url, issue: true, is_active: false } });
  const theirs = crew.plane.addProject({ name: "Their own", identifier: "OWN" });
  const { id } = crew.plane.addItem(theirs, { name: "untouched" });
  crew.plane.settle();
  const item = crew.plane.item(id);
  const label = crew.plane.addLabel(theirs, "mine");
  const { failed, detail, exit } = await crew.report();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("workspace")).toContain("javisi was there before: left as it is (wanted: the name javisi)");
  expect(detail("administrator's profile")).toContain("left as it is");
  expect(crew.plane.workspace.name).toBe("Ours since long");
  const all = (await session.call(webhooks.list, { params })).data;
  expect(all.find((one) => one.url === url)).toMatchObject({ is_active: false, issue: true, project: false });
  expect(crew.plane.item(id)).toEqual(item);
  expect(crew.plane.labels(theirs)).toEqual([label]);
  expect(crew.plane.states(theirs)).toHaveLength(5);
  expect(await crew.report()).toMatchObject({ changed: 0 });
});

test("a project of that name that is not ours: left alone, and it is said what to choose", async () => {
  const { crew } = await inUse();
  const theirs = crew.plane.addProject({ name: "Onboarding", identifier: "HR" });
  const { exit, detail } = await crew.report();
  expect(exit).toBe(1);
  expect(detail("project")).toContain(
    "There is a project Onboarding (HR) that provision did not make: it is left alone",
  );
  expect(crew.plane.states(theirs)).toHaveLength(5);
  const config = { agents: [], provision: { project: false } };
  crew.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  expect((await crew.report()).failed).toEqual([]);
});

test("a workspace the administrator does not belong to: nothing of it is touched", async () => {
  const { crew } = await inUse({}, "");
  crew.plane.addWorkspace({ slug: "javisi" });
  const { exit, detail } = await crew.report();
  expect(exit).toBe(1);
  expect(detail("workspace")).toContain(`There is a workspace javisi that ${ADMIN} does not belong to`);
});

test("an administrator who is no admin of the workspace is told so", async () => {
  const { crew } = await inUse({}, "");
  const grace = crew.plane.addUser({ name: "Grace" });
  crew.plane.addWorkspace({ slug: "javisi", owner: grace });
  const ada = crew.plane.addUser({ name: "Eve", email: "eve@example.test", role: 15, password: PASSWORD });
  expect(ada.email).toBe("eve@example.test");
  const { detail } = await crew.report(["--yes"], { env: { ...crew.env, PLANE_ADMIN_EMAIL: "eve@example.test" } });
  expect(detail("workspace")).toContain("eve@example.test is no admin of the workspace javisi");
});

test("a wrong password: says which setting, and nothing else is tried", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_PASSWORD: "another-Wrong-one-1" } });
  const { exit, detail, out, err } = await crew.report();
  expect(exit).toBe(1);
  expect(detail("administrator")).toContain(`does not take the password of ${ADMIN}: set PLANE_ADMIN_PASSWORD`);
  expect(out + err).not.toContain("another-Wrong-one-1");
  expect(crew.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("no password for a Plane that is set up already: the same", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_PASSWORD: "" } });
  expect((await crew.report()).detail("administrator")).toContain("set PLANE_ADMIN_PASSWORD");
});

test("an address Plane does not know", async () => {
  const { crew } = await inUse({ env: { PLANE_ADMIN_EMAIL: "nobody@example.test" } });
  expect((await crew.report()).detail("administrator")).toContain("Plane knows no account nobody@example.test");
});

test("a weak password for a new Plane: says how strong, and a stronger one works", async () => {
  const crew = await rig({ env: { PLANE_ADMIN_PASSWORD: "weak" } });
  expect((await crew.report()).detail("administrator")).toContain("too weak. Give PLANE_ADMIN_PASSWORD 12 characters");
  const env = { ...crew.env, PLANE_ADMIN_PASSWORD: PASSWORD };
  expect((await crew.report(["--yes"], { env })).failed).toEqual([]);
});

test("an agent's address that somebody has already: asks for its password or key, and takes the password", async () => {
  const { crew } = await inUse({}, "");
  crew.plane.addUser({ name: "Thot", email: "thot@javisi.local", password: "their-Own-pass-1" });
  const { detail, failed } = await crew.report();
  expect(detail("account Thot")).toContain("Plane has an account thot@javisi.local already");
  expect(failed.map(({ name }) => name)).toEqual(["account Thot", "API key Thot"]);
  const notes = crew.notes();
  notes.accounts["thot@javisi.local"] = { password: "their-Own-pass-1" };
  crew.files.set(NOTES, { text: JSON.stringify(notes), mode: 0o600 });
  expect((await crew.report()).failed).toEqual([]);
  expect((await stateOf(crew)).members).toContain("thot@javisi.local 15 thot");
});

test("429: waits as long as Plane asks, and goes on", async () => {
  const crew = await rig();
  crew.plane.faults.add({ path: "/invitations/" }, { kind: "rate limited", retryAfter: 30 }, 2);
  const { exit, err } = await crew.report();
  expect(exit).toBe(0);
  expect(crew.waits.filter((ms) => ms === 30_000)).toHaveLength(2);
  expect(err).toContain("waiting 30 s for Plane's rate limit");
});

test("429 that asks for too long: says when to come back", async () => {
  const crew = await rig();
  crew.plane.faults.add({ method: "POST", path: "/api/workspaces/" }, { kind: "rate limited", retryAfter: 900 });
  expect((await crew.report()).detail("workspace")).toContain("it asks to wait 900 s. Run the same command again then");
});

test("Plane's limit of 60 requests a minute is kept, also with ten agents", async () => {
  const crew = await rig({ config: false, rateLimit: 60 });
  expect((await crew.report()).failed).toEqual([]);
  expect(crew.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
  expect(crew.waits).toEqual([]);
});

test("Plane that never comes up: says where it was looked for", async () => {
  const crew = await rig();
  await crew.plane.down();
  const { exit, detail } = await crew.report(["--yes", "--wait", "20"]);
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(`Plane did not come up at ${crew.url} within 20 s`);
});

test("an API key of the environment that Plane does not take is not replaced", async () => {
  const crew = await rig({ env: { PLANE_API_KEY_THOT: "plane_api_given0from0outside" } });
  expect((await crew.report()).detail("API key Thot")).toContain(
    "does not take the PLANE_API_KEY_THOT of the environment",
  );
  expect(crew.secrets()["PLANE_API_KEY_THOT"]).toBeUndefined();
});

test("settings that are missing or wrong end with 78, all told at once", async () => {
  const crew = await rig();
  const env = { PLANE_ADMIN_EMIAL: "ada@example.test", PLANE_URL: "plane" };
  const { exit, err, out } = await crew.provision(["--yes", "--json"], { env });
  expect({ exit, out }).toEqual({ exit: 78, out: "" });
  for (const name of ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"]) expect(err).toContain(`  ${name}\n`);
  expect(err).toContain("did you mean PLANE_ADMIN_EMAIL?");
});

test.each([NOTES, SECRETS])("%s that cannot be understood is not written over", async (path) => {
  const crew = await rig();
  crew.files.set(path, { text: "{ half", mode: 0o600 });
  expect((await crew.provision()).exit).toBe(78);
  expect(crew.files.get(path)?.text).toBe("{ half");
});

test("an option that is not known ends with 2 and does not repeat its value", async () => {
  const crew = await rig();
  const { exit, err } = await crew.provision(["--password=marked-secret"]);
  expect(exit).toBe(2);
  expect(err).toContain("--password is not known");
  expect(err).not.toContain("marked-secret");
});
