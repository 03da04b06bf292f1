import { expect, test } from "vitest";
import { parseSettings } from "../../../shared/config.ts";
import { sha256Hex } from "../../../shared/digest.ts";
import { workspaceMembers } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN, rig, SECRETS, text } from "./rig.ts";
import { signedIn, stateOf } from "./state.ts";

test("PROV-01..04, AUTH-01..03 an empty Plane becomes a working team with one command", async () => {
  const crew = await rig();
  const { exit, changed, failed } = await crew.report();
  expect(failed).toEqual([]);
  expect(exit).toBe(0);
  expect(changed).toBeGreaterThan(15);
  const state = await stateOf(crew);
  expect(state).toMatchObject({
    members: [
      `${ADMIN} 20 ada`,
      "concierge@javisi.local 20 Concierge",
      "imhotep@javisi.local 15 Imhotep",
      "thot@javisi.local 15 Thot",
    ],
    invited: 0,
    languages: { [ADMIN]: "fr, knows Plane", "thot@javisi.local": "en" },
    tokens: {
      [ADMIN]: [],
      "concierge@javisi.local": ["groundcrew", "groundcrew Concierge"],
      "imhotep@javisi.local": ["groundcrew Imhotep"],
    },
    webhooks: [{ url: "https://crew.example.com/webhooks/plane", is_active: true, issue: true, module: false }],
    project: {
      name: "Onboarding",
      identifier: "ONB",
      cycle_view: true,
      module_view: true,
      issue_views_view: false,
      page_view: false,
      intake_view: false,
    },
    states: [
      "backlog Backlog",
      "unstarted Todo",
      "started In Progress",
      "completed Done",
      "cancelled Cancelled",
      "started Blocked",
    ],
    labels: ["agent:Concierge", "agent:Imhotep", "agent:Thot", "blocked", "code", "review"],
    inProject: [ADMIN, "concierge@javisi.local", "imhotep@javisi.local", "thot@javisi.local"],
  });
  expect(state.items.map(({ assignees, waitsFor }) => ({ assignees, waits: waitsFor.length }))).toEqual([
    { assignees: ["thot@javisi.local"], waits: 1 },
    { assignees: ["imhotep@javisi.local"], waits: 0 },
    { assignees: [ADMIN], waits: 0 },
  ]);
});

test("PROV-04 a second run changes nothing and says so", async () => {
  const crew = await rig();
  await crew.provision();
  const before = await stateOf(crew);
  const kept = new Map(crew.files);
  crew.plane.ledger.clear();
  const again = await crew.report();
  expect(again).toMatchObject({ exit: 0, changed: 0, failed: [] });
  const written = crew.plane.ledger.requests.filter(
    ({ method, path }) => method !== "GET" && !path.startsWith("/auth/"),
  );
  expect(written).toEqual([]);
  expect(crew.files).toEqual(kept);
  expect(await stateOf(crew)).toEqual(before);
});

test("the plan is printed, and --dry-run does nothing", async () => {
  const crew = await rig();
  const planned = await crew.report(["--dry-run"]);
  expect(planned.exit).toBe(0);
  expect(crew.plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect([...crew.files.keys()]).toEqual(["groundcrew.json"]);
  const done = await crew.report();
  const names = (all: typeof done.steps) => all.map(({ name, status }) => `${name} ${status}`);
  expect(names(planned.steps)).toEqual(names(done.steps));
});

test("without a terminal and without --yes nothing is done, and it says how", async () => {
  const crew = await rig();
  const { exit, out } = await crew.provision([]);
  expect(exit).toBe(1);
  expect(out).toContain("add --yes");
  expect(crew.files.has(SECRETS)).toBe(false);
});

test("at a terminal it asks, and no is no", async () => {
  const crew = await rig();
  const asked: string[] = [];
  const answer = (yes: boolean) => async (question: string) => {
    asked.push(question);
    return yes;
  };
  expect((await crew.provision([], { ask: answer(false) })).exit).toBe(1);
  expect(crew.files.has(SECRETS)).toBe(false);
  expect((await crew.provision([], { ask: answer(true) })).exit).toBe(0);
  expect(asked).toHaveLength(2);
  expect((await crew.provision([], { ask: answer(false) })).exit).toBe(0);
  expect(asked).toHaveLength(2);
});

test("the runtime starts with what provision leaves, the ten agents included", async () => {
  const crew = await rig({ config: false });
  expect(await crew.report()).toMatchObject({ exit: 0, failed: [] });
  const env = { PLANE_URL: crew.url, PLANE_WORKSPACE: "javisi", PUBLIC_URL: "https://crew.example.com" };
  const parsed = parseSettings(env, { read: (path) => crew.files.get(path) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { agents, agentTokens, plane, adminTokens } = parsed.settings;
  expect(agents.map(({ name }) => name)).toEqual(
    "Concierge Imhotep Thot Basquiat R2D2 Shuri Piccolo CFO Maintainer Hermes".split(" "),
  );
  expect(Object.keys(plane?.agentKeys ?? {})).toHaveLength(10);
  expect(plane?.webhookSecrets).toHaveLength(1);
  expect(adminTokens).toHaveLength(1);
  const token = crew.files.get("data/agents/r2d2/token")?.text.trim() ?? "";
  const tokens = agentTokens.find(({ agent }) => agent === "R2D2")?.tokens;
  expect(tokens).toEqual([`sha256:${await sha256Hex(token)}`]);
  expect(parsed.warnings.join()).not.toContain("is not used");
  expect(await crew.report()).toMatchObject({ changed: 0 });
});

test("people may delete the sample tasks: a later run does not bring them back", async () => {
  const crew = await rig();
  await crew.provision();
  const [item] = (await stateOf(crew)).items;
  expect(item).toBeDefined();
  const project = crew.notes().samples;
  for (const one of crew.plane.items(project)) crew.plane.deleteItem(one);
  expect(await crew.report()).toMatchObject({ changed: 0 });
  expect(crew.plane.items(project)).toEqual([]);
});

test("a webhook that Plane has switched off is switched on again", async () => {
  const crew = await rig();
  await crew.provision();
  crew.plane.setWebhookActive(crew.notes().webhook, false);
  const { changed, detail } = await crew.report();
  expect(changed).toBe(1);
  expect(detail("webhook")).toBe("switch it on again");
  expect(crew.plane.webhookActive(crew.notes().webhook)).toBe(true);
});

test("another webhook target moves our webhook and keeps its secret", async () => {
  const crew = await rig();
  await crew.provision();
  const secret = crew.secrets()["PLANE_WEBHOOK_SECRET"];
  const PLANE_WEBHOOK_TARGET = "https://other.example.com/hook";
  expect(await crew.report(["--yes"], { env: { ...crew.env, PLANE_WEBHOOK_TARGET } })).toMatchObject({ changed: 1 });
  expect((await stateOf(crew)).webhooks.map(({ url }) => url)).toEqual([PLANE_WEBHOOK_TARGET]);
  expect(crew.secrets()["PLANE_WEBHOOK_SECRET"]).toEqual(secret);
});

test("AUTH-01 a role that somebody changed is brought back", async () => {
  const crew = await rig();
  await crew.provision();
  const session = await signedIn(crew, ADMIN);
  const params = { workspace: "javisi" };
  const members = (await session.call(workspaceMembers.list, { params })).data;
  const membership = members.find(({ member }) => member.email === "concierge@javisi.local")?.id ?? "";
  await session.call(workspaceMembers.update, { params: { ...params, membership }, json: { role: 15 } });
  const { changed, detail } = await crew.report();
  expect({ changed, detail: detail("roles") }).toEqual({ changed: 1, detail: "make Concierge admin" });
  expect((await stateOf(crew)).members).toContain("concierge@javisi.local 20 Concierge");
});

test("a key that Plane has forgotten is made anew", async () => {
  const crew = await rig();
  await crew.provision();
  crew.plane.revokeKey(text(crew.secrets()["PLANE_API_KEY_THOT"]));
  const { steps } = await crew.report();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual(["API key Thot"]);
  expect((await stateOf(crew)).tokens["thot@javisi.local"]).toEqual(["groundcrew Thot"]);
});

test("an agent that joins the settings later gets all it needs, and nothing else moves", async () => {
  const crew = await rig();
  await crew.provision();
  const config = JSON.parse(crew.files.get("groundcrew.json")?.text ?? "");
  config.agents.push({ name: "Shuri", email: "shuri@javisi.local" });
  crew.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  const { steps } = await crew.report();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual([
    "account Shuri",
    "API key Shuri",
    "labels",
    "project members",
    "bridge token Shuri",
  ]);
});

test("v1.2.2 has no relations: the sample tasks are made without the dependency, and it is said", async () => {
  const crew = await rig({ version: "1.2.2" });
  const { exit, failed, detail } = await crew.report();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("sample tasks")).toContain("this version of Plane has no relations");
  expect((await stateOf(crew)).items.map(({ waitsFor }) => waitsFor.length)).toEqual([0, 0, 0]);
  expect(await crew.report()).toMatchObject({ changed: 0 });
});

test("a human of their own gets an account as admin, in their language", async () => {
  const human = { email: "grace@example.test", name: "Grace" };
  const config = {
    agents: [],
    provision: { human, domain: "crew.test", project: { name: "First", identifier: "ONB" } },
  };
  const crew = await rig({ config });
  const { failed, detail } = await crew.report();
  expect(failed).toEqual([]);
  expect(detail("agents")).toContain("names no agents: copy them from groundcrew.json.agents");
  const state = await stateOf(crew);
  expect(state.members).toContain("grace@example.test 20 Grace");
  expect(state.languages["grace@example.test"]).toBe("fr, knows Plane");
  expect(state.members).toContain("hermes@crew.test 15 Hermes");
  expect(state.inProject).toContain("grace@example.test");
  expect(await crew.report()).toMatchObject({ changed: 0 });
});

test("without an address of our own there is no webhook, and it is said", async () => {
  const crew = await rig({ env: { PUBLIC_URL: "" } });
  const { failed, detail } = await crew.report();
  expect(failed).toEqual([]);
  expect(detail("webhook")).toContain("set PUBLIC_URL or PLANE_WEBHOOK_TARGET");
});

test("the skill lies ready with the address filled in", async () => {
  const crew = await rig();
  await crew.provision();
  expect(crew.files.get("data/skill/plane-bridge/SKILL.md")?.text).toBe(
    `curl "\${GROUNDCREW_URL:-https://crew.example.com}/agent/$1"\n`,
  );
});

test("a Plane that is not up yet is waited for, with a line now and then", async () => {
  const crew = await rig();
  await crew.plane.down();
  let looks = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    looks += 1;
    if (looks === 8) await crew.plane.up();
    return globalThis.fetch(input, init);
  };
  const { exit, err } = await crew.provision(["--yes"], { fetch });
  expect(exit).toBe(0);
  expect(crew.waits.filter((ms) => ms === 2_000)).toHaveLength(7);
  expect(err.match(/waiting for Plane at/g)).toHaveLength(2);
});
