import { expect, test } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import {
  authApi,
  createPlaneSession,
  instanceAdminApi,
  webhooksApi,
  workspacesApi,
} from "../../../shared/plane/app/session.ts";
import { signInToPlane } from "../../support/plane-api.ts";
import { ADMIN_EMAIL, createProvisionSetup, NOTES_PATH, type ProvisionSetup, SECRETS_PATH } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

const ADMIN_PASSWORD = "a-Strong-one-123";
const WRONG_PASSWORD = "another-Wrong-one-1";

/** A Plane that Ada has set up herself, with a workspace of hers unless `slug` is empty. */
async function createExistingInstance(slug = "javisi") {
  const setup = await createProvisionSetup({ env: { PLANE_ADMIN_PASSWORD: ADMIN_PASSWORD } });
  const god = createPlaneSession({ url: setup.url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  const { csrf_token } = (await god.call(authApi.csrf)).data;
  const account = { email: ADMIN_EMAIL, password: ADMIN_PASSWORD, first_name: "Ada" };
  await god.call(instanceAdminApi.signUp, { form: { ...account, csrfmiddlewaretoken: csrf_token } });
  const session = await signInToPlane(setup.url, ADMIN_EMAIL, ADMIN_PASSWORD);
  if (slug)
    await session.call(workspacesApi.create, { json: { name: "Existing workspace", slug, organization_size: "2-10" } });
  return { setup, session };
}

/** A fetch that changes what Plane says about itself. */
function alterInstance(is: string, becomes: string): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (new URL(String(input)).pathname !== "/api/instances/") return answer;
    return Response.json(JSON.parse((await answer.text()).replace(is, becomes)));
  };
}

interface Refusal {
  /** The step that fails. */
  step: string;
  says: (string | RegExp)[];
  /** Whether Plane was set up before. */
  isExisting?: true;
  prepare?: (setup: ProvisionSetup) => unknown;
  env?: Record<string, string>;
  fetch?: typeof globalThis.fetch;
  args?: string[];
}

const REFUSALS: Record<string, Refusal> = {
  "a wrong administrator password": {
    isExisting: true,
    env: { PLANE_ADMIN_PASSWORD: WRONG_PASSWORD },
    step: "administrator",
    says: [`refused the password of ${ADMIN_EMAIL}: set PLANE_ADMIN_PASSWORD`],
  },
  "a Plane without password login": {
    fetch: alterInstance('"is_email_password_enabled":true', '"is_email_password_enabled":false'),
    step: "plane",
    says: ["for ada@example.test (password login is disabled), which provision cannot read. Enable password login"],
  },
  "another edition of Plane": {
    fetch: alterInstance("PLANE_COMMUNITY", "PLANE_COMMERCIAL"),
    step: "plane",
    says: ["another edition of Plane (PLANE_COMMERCIAL)", "By hand: invite an account for each agent"],
  },
  "a Plane that never becomes ready": {
    prepare: ({ plane }) => plane.takeDown(),
    args: ["--wait", "20"],
    step: "plane",
    says: [/Plane at http:\/\/127.0.0.1:\d+ did not become ready within 20 s/],
  },
  "a webhook to a private address": {
    env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" },
    step: "webhook",
    says: [
      "it is or resolves to a private address",
      "Set WEBHOOK_ALLOWED_IPS=10.1.2.3 in the environment of Plane's api and worker",
    ],
  },
};

test.each(Object.entries(REFUSALS))("provision refuses %s with what to do", async (_, refusal) => {
  const { step, says, isExisting, prepare, env, fetch, args = [] } = refusal;
  const setup = isExisting ? (await createExistingInstance()).setup : await createProvisionSetup();
  await prepare?.(setup);
  const writesBefore = setup.plane.ledger.requests.length;
  const change = { env: { ...setup.env, ...env }, ...(fetch && { fetch }) };
  const { exit, detail, out, err, failed } = await setup.provisionWithReport(["--yes", ...args], change);
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toContain(step);
  for (const text of says) expect(detail(step)).toMatch(text);
  expect(out + err).not.toContain(WRONG_PASSWORD);
  // Nothing is changed before Plane and its administrator are known to be right.
  if (step === "plane")
    expect(setup.plane.ledger.requests.slice(writesBefore).filter(({ method }) => method !== "GET")).toEqual([]);
  if (step === "administrator")
    expect(setup.plane.ledger.requests.filter(({ path }) => path.includes("/invitations/"))).toEqual([]);
});

test("an agent's address that already has an account is refused until its password is stored", async () => {
  const { setup } = await createExistingInstance("");
  setup.plane.addUser({ name: "Thot", email: "thot@javisi.local", password: "their-Own-pass-1" });
  const { detail, failed } = await setup.provisionWithReport();
  expect(detail("account Thot")).toContain("Plane already has an account thot@javisi.local");
  expect(failed.map(({ name }) => name)).toEqual(["account Thot", "API key Thot", "sample tasks"]);
  const notes = setup.readNotes();
  notes.accounts["thot@javisi.local"] = { password: "their-Own-pass-1" };
  setup.files.set(NOTES_PATH, { text: JSON.stringify(notes), mode: 0o600 });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  const { members, items } = await readProvisionedState(setup);
  expect(members).toContain("thot@javisi.local 15 thot");
  // The sample tasks wait for the accounts of their owners, because later runs never change them.
  expect(items.map(({ assignees }) => assignees)).toEqual([
    ["imhotep@javisi.local"],
    ["ada@example.test"],
    ["thot@javisi.local"],
  ]);
});

test("provision adds only its own objects to a workspace that others use, and changes none of theirs", async () => {
  const { setup, session } = await createExistingInstance();
  const params = { workspace: "javisi" };
  const url = "https://n8n.example.com/hook";
  await session.call(webhooksApi.create, { params, json: { url, issue: true, is_active: false } });
  const theirs = setup.plane.addProject({ name: "Their own", identifier: "OWN" });
  const { id } = setup.plane.addItem(theirs, { name: "untouched" });
  setup.plane.runWorker();
  const item = setup.plane.item(id);
  const label = setup.plane.addLabel(theirs, "mine");
  const { failed, detail, exit } = await setup.provisionWithReport();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("workspace")).toContain("javisi existed before: left unchanged (the settings differ: the name javisi)");
  expect(detail("administrator's profile")).toContain("left unchanged");
  expect(setup.plane.workspace.name).toBe("Existing workspace");
  const all = (await session.call(webhooksApi.list, { params })).data;
  expect(all.find((webhook) => webhook.url === url)).toMatchObject({ is_active: false, issue: true, project: false });
  expect(setup.plane.item(id)).toEqual(item);
  expect(setup.plane.labels(theirs)).toEqual([label]);
  expect(setup.plane.states(theirs)).toHaveLength(5);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("provision exits with 78 for missing or invalid settings, and lists all of them", async () => {
  const setup = await createProvisionSetup();
  const env = { PLANE_ADMIN_EMIAL: "ada@example.test", PLANE_URL: "plane" };
  const { exit, err, out } = await setup.provision(["--yes", "--json"], { env });
  expect(exit).toBe(78);
  expect(JSON.parse(out)).toEqual({ steps: [], changed: 0, error: { code: "settings", message: err.trim() } });
  for (const name of ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"]) expect(err).toContain(`  ${name}\n`);
  expect(err).toContain("did you mean PLANE_ADMIN_EMAIL?");
});

test.each([
  ["PLANE_ADMIN_PASSWORD", { PLANE_ADMIN_PASSWORD: "changemechangeme" }],
  ["AGENT_TOKEN_THOT", { AGENT_TOKEN_THOT: "changemechangeme" }],
])("provision exits with 78 when %s is a placeholder (%j), and calls nothing", async (name, given) => {
  const setup = await createProvisionSetup();
  setup.files.set("password", { text: "changemechangeme\n", mode: 0o600 });
  const { exit, err } = await setup.provision(["--yes"], { env: { ...setup.env, ...given } });
  expect(exit).toBe(78);
  expect(err).toMatch(
    new RegExp(`  ${name}\n    given:  a placeholder or a pattern.*\n    wanted: .*openssl rand -hex 32`),
  );
  expect(err).not.toContain("changeme");
  expect(setup.plane.ledger.requests).toEqual([]);
});

test.each([NOTES_PATH, SECRETS_PATH])("%s is not overwritten when it cannot be parsed", async (path) => {
  const setup = await createProvisionSetup();
  setup.files.set(path, { text: "{ half", mode: 0o600 });
  expect((await setup.provision()).exit).toBe(78);
  expect(setup.files.get(path)?.text).toBe("{ half");
});

const toAgents = (...agents: [name: string, email: string][]) => ({
  agents: agents.map(([name, email]) => ({ name, email })),
});
const THOT = "thot@javisi.local";
const BIDI = { provision: { workspace: "a\u202eb" } };
const SECRET_URL = "https://ada:marked/1@plane.example.com";

test.each<[string, string | object, Record<string, string>, string]>([
  ["an agent called ../x", toAgents(["../x", THOT]), {}, "agents[0].name"],
  ["two agents with one address", toAgents(["Thot", THOT], ["R2D2", "THOT@javisi.local"]), {}, "agents[1].email"],
  ["a workspace named like a domain", { provision: { workspace: "javisi.org" } }, {}, "provision.workspace"],
  ["a workspace's name with a bidirectional control character", BIDI, {}, "provision.workspace"],
  ["a password that contains a slash in Plane's address", {}, { PLANE_URL: SECRET_URL }, "PLANE_URL"],
  ["escape sequences in a name", '{"\\u001b[2J\\nNothing":\n 1}', {}, "[2J Nothing (line 2, column 2)"],
  ["an agent, with its place", '{ "agents": [\n{ "name": "../../x" }] }', {}, "agents[0].name (line 2, column 11)"],
])("provision exits with 78 for %s, without requests or writes", async (_, config, env, message) => {
  const setup = await createProvisionSetup({ config: {}, env });
  const text = typeof config === "string" ? config : JSON.stringify(config);
  setup.files.set("groundcrew.json", { text, mode: 0o600 });
  const { exit, err, out } = await setup.provision();
  expect({ exit, out }).toEqual({ exit: 78, out: "" });
  expect(err).toMatch(/^Nothing was provisioned: \d+ settings? (?:is|are) invalid\.\n/);
  expect(err).toContain(message);
  expect(err).not.toMatch(/marked|[^\P{Cc}\n]|[\u202a-\u202e]/u);
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
  expect(setup.plane.ledger.requests).toEqual([]);
});
