import { expect, test, vi } from "vitest";
import { sha256Hex } from "../../../shared/hashing.ts";
import { apiTokensApi, webhooksApi, workspaceMembersApi } from "../../../shared/plane/app/session.ts";
import { noContentSchema } from "../../../shared/plane/endpoint.ts";
import { createSeededRandom } from "../../../simulators/seeded-random.ts";
import { callPlane } from "../../support/plane-api.ts";
import {
  ADMIN_EMAIL,
  createCrashingWorld,
  createProvisioned,
  createProvisionSetup,
  type ProvisionSetup,
  TEAM_AGENTS,
} from "./provision-setup.ts";
import { createSignedInSession, readProvisionedState } from "./provisioned-state.ts";

test("reliability 39: provision keeps a webhook inactive until Groundcrew answers, and repairs one that was switched off, deleted or changed", async () => {
  const setup = await createProvisionSetup();
  setup.groundcrew.isRunning = false;
  const readWebhooks = async () => {
    const { webhooks } = await readProvisionedState(setup);
    return webhooks.map(({ url, is_active, issue }) => ({ url, is_active, issue }));
  };
  const url = "https://crew.example.com/webhooks/plane";
  const first = await setup.provisionWithReport();
  expect(first.detail("webhook")).toMatch(/inactive: .*ECONNREFUSED.* → Start Groundcrew, then run this command again/);
  expect(first.steps.at(-1)?.name).toBe("webhook");
  expect(await readWebhooks()).toEqual([{ url, is_active: false, issue: true }]);
  const secret = setup.readSecrets()["PLANE_WEBHOOK_SECRET"];
  expect(secret).toMatch(/\S{8}/);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, exit: 0 });
  setup.groundcrew.isRunning = true;
  expect((await setup.provisionWithReport()).detail("webhook")).toBe("enable it again");
  expect(setup.readSecrets()["PLANE_WEBHOOK_SECRET"]).toEqual(secret);

  const session = await createSignedInSession(setup, ADMIN_EMAIL);
  const getParams = () => ({ params: { workspace: "javisi", webhook: String(setup.readNotes().webhook) } });
  const damages = [
    async () => setup.plane.setWebhookActive(setup.readNotes().webhook, false),
    () => session.call(webhooksApi.update, { ...getParams(), json: { issue: false } }),
    () => session.call({ ...webhooksApi.update, method: "DELETE", answer: noContentSchema }, getParams()),
  ];
  for (const damage of damages) {
    await damage();
    expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, exit: 0 });
    expect(await readWebhooks()).toEqual([{ url, is_active: true, issue: true }]);
  }
  expect(setup.readSecrets()["PLANE_WEBHOOK_SECRET"]).not.toEqual(secret);
});

test("AUTH-01 provision restores an agent's role after a change in Plane", async () => {
  const setup = await createProvisioned();
  const session = await createSignedInSession(setup, ADMIN_EMAIL);
  const params = { workspace: "javisi" };
  const members = (await session.call(workspaceMembersApi.list, { params })).data;
  const membership = members.find(({ member }) => member.email === "concierge@javisi.local")?.id ?? "";
  await session.call(workspaceMembersApi.update, { params: { ...params, membership }, json: { role: 15 } });
  const { changed, detail } = await setup.provisionWithReport();
  expect({ changed, detail: detail("roles") }).toEqual({ changed: 1, detail: "make Concierge admin" });
  expect((await readProvisionedState(setup)).members).toContain("concierge@javisi.local 20 Concierge");
});

test("a later run creates no sample task again that people have deleted, no state or label that they have renamed, and a deleted label", async () => {
  const setup = await createProvisioned();
  const project = setup.readNotes().samples;
  for (const task of setup.plane.items(project)) setup.plane.deleteItem(task);
  const find = (rows: readonly { id: string; name: string }[], name: string) => {
    const row = rows.find((other) => other.name === name);
    if (!row) throw new Error(`Plane has no ${name}.`);
    return row;
  };
  setup.plane.rename(find(setup.plane.states(project), "Blocked"), "Waiting for others");
  setup.plane.rename(find(setup.plane.labels(project), "review"), "please check");
  setup.plane.rename(find(setup.plane.labels(project), "agent:Thot"), "team Thot");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(setup.plane.items(project)).toEqual([]);
  setup.plane.deleteStateOrLabel(find(setup.plane.labels(project), "please check"));
  const { changed, detail } = await setup.provisionWithReport();
  expect({ changed, detail: detail("labels") }).toEqual({ changed: 1, detail: "review" });
});

const AGENTS = ["concierge@javisi.local 20", "imhotep@javisi.local 15", "thot@javisi.local 15"];
const ADMIN = `${ADMIN_EMAIL} 20`;

function findProject({ plane }: ProvisionSetup, identifier = "ONB") {
  const project = plane.projects().find((candidate) => candidate.identifier === identifier);
  if (!project) throw new Error(`Plane has no project ${identifier}.`);
  return project;
}

test("people of the workspace become members of the first project once, with their role, but not guests", async () => {
  const setup = await createProvisioned();
  setup.plane.addUser({ name: "Bob", email: "bob@example.test" });
  setup.plane.addUser({ name: "Eve", email: "eve@example.test", role: 20 });
  setup.plane.addUser({ name: "Guest", email: "guest@example.test", role: 5 });
  const { changed, detail } = await setup.provisionWithReport();
  expect(changed).toBe(1);
  expect(detail("project members")).toContain("bob is not a member of Onboarding (ONB)");
  expect(setup.plane.projectMembers(findProject(setup))).toEqual(
    [ADMIN, ...AGENTS, "bob@example.test 15", "eve@example.test 20"].sort(),
  );
  // Who was removed stays removed.
  setup.plane.removeProjectMember(findProject(setup), "bob@example.test");
  expect((await setup.provisionWithReport()).changed).toBe(0);
});

test("an agent, removed from the first project, is found and brought back with its role", async () => {
  const setup = await createProvisioned();
  const email = "thot@javisi.local";
  const project = findProject(setup);
  const before = setup.plane.projectMembers(project);
  setup.plane.removeProjectMember(project, email);
  const planned = await setup.provisionWithReport(["--dry-run"]);
  expect(planned.detail("project members")).toMatch(/^\w+ is not a member of Onboarding \(ONB\)$/);
  expect(setup.plane.projectMembers(project)).not.toEqual(before);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
  expect(setup.plane.projectMembers(project)).toEqual(before);
  expect((await setup.provisionWithReport()).changed).toBe(0);
});

test.each(["1.3.1", "1.2.2"] as const)("on Plane %s agents are brought back, named people join", async (version) => {
  const people = [{ email: "bob@example.test" }, { email: "eve@example.test", projects: ["OPS"] }];
  const setup = await createProvisioned({ version, config: { agents: TEAM_AGENTS, people } });
  const project = { name: "Website", identifier: "WEB", external_source: "groundcrew", external_id: "project:1" };
  await callPlane(setup.url, String(setup.readSecrets()["PLANE_API_KEY"]), "POST", "projects/", project);
  for (const name of ["Bob", "Eve"]) setup.plane.addUser({ name, email: `${name.toLowerCase()}@example.test` });
  expect((await setup.provisionWithReport()).detail("agents' projects")).toBe(
    "Imhotep is not a member of Website (WEB); Thot is not a member of Website (WEB)",
  );
  expect(setup.plane.projectMembers(findProject(setup))).toEqual([ADMIN, ...AGENTS, "bob@example.test 15"].sort());
  setup.plane.removeProjectMember(findProject(setup, "WEB"), "thot@javisi.local");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
  expect(setup.plane.projectMembers(findProject(setup, "WEB"))).toEqual(AGENTS);
  expect((await setup.provisionWithReport()).changed).toBe(0);
});

const REMOVE = ["--yes", "--remove-sample-project"];
const STEP = "plane's sample project";

const listProjects = ({ plane }: ProvisionSetup) => plane.projects().map(({ identifier }) => identifier);

async function readAdminTokens(setup: ProvisionSetup) {
  const session = await createSignedInSession(setup, ADMIN_EMAIL);
  return (await session.call(apiTokensApi.list)).data.map(({ label }) => label);
}

test("--remove-sample-project removes the sample project that Plane adds to a new workspace, once", async () => {
  const setup = await createProvisionSetup();
  expect((await setup.provisionWithReport(["--dry-run", "--remove-sample-project"])).detail(STEP)).toBe(
    "remove the one that Plane adds to a new workspace, if nobody has changed it",
  );
  const { failed, detail } = await setup.provisionWithReport(REMOVE);
  expect(failed).toEqual([]);
  expect(detail(STEP)).toBe("remove javisi (JAVIS), if nobody has changed it");
  expect(listProjects(setup)).toEqual(["ONB"]);
  expect(await readAdminTokens(setup)).toEqual([]);
  expect(await setup.provisionWithReport(REMOVE)).toMatchObject({ changed: 0, failed: [] });
});

test("a sample project that somebody has changed is kept, and the failed step says what to do", async () => {
  const setup = await createProvisioned();
  setup.plane.addItem(findProject(setup, "JAVIS"), { name: "Ours" });
  const { failed, exit } = await setup.provisionWithReport(REMOVE);
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual([STEP]);
  expect(failed[0]?.detail).toContain("--keep-sample-project");
  expect(listProjects(setup).sort()).toEqual(["JAVIS", "ONB"]);
  expect(await readAdminTokens(setup)).toEqual([]);
});

/** The smallest team with every kind of step. */
const human = { email: "grace@example.test", name: "Grace" };
const config = { agents: TEAM_AGENTS.slice(0, 2), provision: { human } };
const OPTIONS = ["--yes", "--remove-sample-project"];
const ARGS = [...OPTIONS, "--json"];

async function countActsOfRun() {
  const setup = await createProvisionSetup({ config });
  const undisturbed = createCrashingWorld(setup, Number.POSITIVE_INFINITY, "before");
  expect((await setup.provision(ARGS, undisturbed.change)).exit).toBe(0);
  return { acts: undisturbed.acts(), end: await readProvisionedState(setup) };
}

const { FULL } = process.env;
vi.setConfig({ testTimeout: 900_000 });
test.each(["before", "after"] as const)("a run killed %s an act and repeated ends as if undisturbed", async (when) => {
  const { acts, end } = await countActsOfRun();
  expect(acts).toBeGreaterThan(80);
  const stride = FULL ? 1 : 41;
  for (let at = when === "before" ? 1 : 9; at <= acts; at += stride) {
    const setup = await createProvisionSetup({ config });
    await setup.provision(ARGS, createCrashingWorld(setup, at, when).change);
    const again = await setup.provisionWithReport(OPTIONS);
    expect(again.failed, `killed ${when} act ${at}`).toEqual([]);
    expect(await readProvisionedState(setup), `killed ${when} act ${at}`).toEqual(end);
    expect((await setup.provisionWithReport(OPTIONS)).changed, `killed ${when} act ${at}`).toBe(0);
    await setup.plane.stop();
  }
});

/**
 * A fetch that loses, truncates, refuses or replaces about one answer in ten. In half of these cases Plane still
 * carried out the request.
 */
function createUnreliableFetch(random: () => number): typeof globalThis.fetch {
  return async (input, init) => {
    const draw = random();
    if (draw < 0.02) return new Response("<html>bad gateway</html>", { status: 502 });
    if (draw < 0.03) return new Response("<html>wait</html>", { status: 200 });
    if (draw < 0.05) return new Response('{"detail":"throttled"}', { status: 429, headers: { "retry-after": "7" } });
    const answer = await globalThis.fetch(input, init);
    if (draw < 0.07) throw new TypeError("fetch failed", { cause: new Error("reset") });
    if (draw < 0.08) return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
    if (draw < 0.09 && answer.status === 200) return new Response((await answer.text()).slice(0, -7));
    return answer;
  };
}

async function provisionUntilDone(setup: ProvisionSetup, args: string[], fetch: typeof globalThis.fetch) {
  for (let nth = 1; (await setup.provisionWithReport(["--yes", ...args], { fetch })).exit !== 0; nth += 1)
    expect(nth, args.join(" ")).toBeLessThan(40);
}

test.each(FULL ? [103, 107, 108] : [103])("on a bad network (seed %i) repeated runs end the same", async (seed) => {
  const [reference, setup] = [await createProvisionSetup({ config }), await createProvisionSetup({ config })];
  await reference.provision();
  const end = await readProvisionedState(reference);
  const fetch = createUnreliableFetch(createSeededRandom(seed));
  await provisionUntilDone(setup, [], fetch);
  expect(await readProvisionedState(setup)).toEqual(end);
  await provisionUntilDone(setup, ["--rotate", "all"], fetch);
  await provisionUntilDone(setup, ["--retire"], fetch);
  expect(await readProvisionedState(setup)).toEqual(end);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

const toList = (value: string | string[] | undefined) => [value ?? []].flat();

async function isKeyAccepted(setup: ProvisionSetup, key: string): Promise<boolean> {
  return (await fetch(`${setup.url}/api/v1/users/me/`, { headers: { "x-api-key": key } })).ok;
}

test("AUTH-04 one command rotates an agent's API key and bridge token; the old ones stay valid until --retire", async () => {
  const setup = await createProvisioned();
  const file = "data/agents/imhotep/token";
  const before = {
    key: toList(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"])[0] ?? "",
    token: setup.files.get(file)?.text.trim(),
  };
  const { exit, steps } = await setup.provisionWithReport(["--yes", "--rotate", "imhotep"]);
  expect(exit).toBe(0);
  expect(steps.filter(({ status }) => status === "changed")).toHaveLength(2);

  const keys = toList(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]);
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(before.key);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(setup, key)))).toEqual([true, true]);
  const token = setup.files.get(file)?.text.trim() ?? "";
  expect(token).not.toBe(before.token);
  const hashes = await Promise.all([token, before.token ?? ""].map(async (one) => `sha256:${await sha256Hex(one)}`));
  expect(setup.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toEqual(hashes);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });

  expect(await setup.provisionWithReport(["--yes", "--retire"])).toMatchObject({ exit: 0, changed: 2 });
  expect(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(keys[0]);
  expect(setup.readSecrets()["AGENT_TOKEN_IMHOTEP"]).toBe(hashes[0]);
  expect(await Promise.all(keys.map((key) => isKeyAccepted(setup, key)))).toEqual([true, false]);
  expect(await setup.provisionWithReport(["--yes", "--retire"])).toMatchObject({ changed: 0 });
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("--rotate all rotates every API key, every bridge token and the webhook's secret", async () => {
  const setup = await createProvisioned();
  const { failed, changed } = await setup.provisionWithReport(["--yes", "--rotate", "all"]);
  expect({ failed, changed }).toEqual({ failed: [], changed: 8 });
  for (const [name, value] of Object.entries(setup.readSecrets()))
    expect([name, toList(value).length]).toEqual([name, name === "ADMIN_TOKEN" ? 1 : 2]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  await setup.provision(["--yes", "--retire"]);
  for (const labels of Object.values((await readProvisionedState(setup)).tokens))
    expect(new Set(labels).size).toBe(labels.length);
});

test("an interrupted rotation leaves a valid API key and bridge token, and the next one completes", async () => {
  let isComplete = false;
  let interruptions = 0;
  for (let at = 1; !isComplete; at += process.env["FULL"] ? 1 : 9) {
    const setup = await createProvisioned();
    const { change } = createCrashingWorld(setup, at + 1, "before");
    isComplete = (await setup.provision(["--yes", "--rotate", "thot"], change)).exit === 0;
    if (!isComplete) interruptions += 1;
    const check = async () => {
      const [key = ""] = toList(setup.readSecrets()["PLANE_API_KEY_THOT"]);
      const hash = `sha256:${await sha256Hex(setup.files.get("data/agents/thot/token")?.text.trim() ?? "")}`;
      return {
        works: await isKeyAccepted(setup, key),
        known: toList(setup.readSecrets()["AGENT_TOKEN_THOT"]).includes(hash),
      };
    };
    expect(await check(), `interrupted after ${at}`).toEqual({ works: true, known: true });
    const again = await setup.provisionWithReport(["--yes", "--rotate", "thot"]);
    expect(again.failed, `interrupted after ${at}`).toEqual([]);
    expect((await setup.provisionWithReport(["--yes", "--retire"])).failed).toEqual([]);
    expect(await check()).toEqual({ works: true, known: true });
    expect((await readProvisionedState(setup)).tokens["thot@javisi.local"], `interrupted after ${at}`).toEqual([
      "groundcrew Thot",
    ]);
    expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
    await setup.plane.stop();
  }
  expect(interruptions).toBeGreaterThan(1);
}, 120_000);
