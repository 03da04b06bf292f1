import { expect, test } from "vitest";
import { parseSettings } from "../../../shared/config/settings.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { ADMIN_EMAIL, createProvisionSetup, SECRETS_PATH } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

test("PROV-01..04, AUTH-01..03 one command provisions a working set-up in an empty Plane", async () => {
  const setup = await createProvisionSetup();
  const { exit, changed, failed } = await setup.provisionWithReport();
  expect(failed).toEqual([]);
  expect(exit).toBe(0);
  expect(changed).toBeGreaterThan(15);
  const state = await readProvisionedState(setup);
  expect(state).toMatchObject({
    members: [
      `${ADMIN_EMAIL} 20 ada`,
      "concierge@javisi.local 20 Concierge",
      "imhotep@javisi.local 15 Imhotep",
      "thot@javisi.local 15 Thot",
    ],
    invited: 0,
    languages: { [ADMIN_EMAIL]: "fr, knows Plane", "thot@javisi.local": "en" },
    tokens: {
      [ADMIN_EMAIL]: [],
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
    inProject: [ADMIN_EMAIL, "concierge@javisi.local", "imhotep@javisi.local", "thot@javisi.local"],
  });
  expect(state.items.map(({ assignees, waitsFor }) => ({ assignees, waits: waitsFor.length }))).toEqual([
    { assignees: ["thot@javisi.local"], waits: 1 },
    { assignees: ["imhotep@javisi.local"], waits: 0 },
    { assignees: [ADMIN_EMAIL], waits: 0 },
  ]);
});

test("PROV-04 a second provision run changes nothing and reports so", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const before = await readProvisionedState(setup);
  const filesBefore = new Map(setup.files);
  setup.plane.ledger.clear();
  const again = await setup.provisionWithReport();
  expect(again).toMatchObject({ exit: 0, changed: 0, failed: [] });
  const writes = setup.plane.ledger.requests.filter(
    ({ method, path }) => method !== "GET" && !path.startsWith("/auth/"),
  );
  expect(writes).toEqual([]);
  expect(setup.files).toEqual(filesBefore);
  expect(await readProvisionedState(setup)).toEqual(before);
});

test("--dry-run prints the plan and changes nothing", async () => {
  const setup = await createProvisionSetup();
  const planned = await setup.provisionWithReport(["--dry-run"]);
  expect(planned.exit).toBe(0);
  expect(setup.plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
  const done = await setup.provisionWithReport();
  const names = (all: typeof done.steps) => all.map(({ name, status }) => `${name} ${status}`);
  expect(names(planned.steps)).toEqual(names(done.steps));
});

test("without a terminal and --yes provision does nothing and mentions --yes", async () => {
  const setup = await createProvisionSetup();
  const { exit, out } = await setup.provision([]);
  expect(exit).toBe(1);
  expect(out).toContain("add --yes");
  expect(setup.files.has(SECRETS_PATH)).toBe(false);
});

test("at a terminal provision asks for confirmation, and does nothing without it", async () => {
  const setup = await createProvisionSetup();
  const questions: string[] = [];
  const answer = (yes: boolean) => async (question: string) => {
    questions.push(question);
    return yes;
  };
  expect((await setup.provision([], { confirm: answer(false) })).exit).toBe(1);
  expect(setup.files.has(SECRETS_PATH)).toBe(false);
  const keep = "--keep-sample-project";
  expect((await setup.provision([keep], { confirm: answer(true) })).exit).toBe(0);
  expect(questions).toHaveLength(2);
  expect((await setup.provision([], { confirm: answer(false) })).exit).toBe(0);
  expect(questions).toHaveLength(2);
});

test("provision prints the plan before it asks for confirmation, also with --json", async () => {
  const setup = await createProvisionSetup();
  const outputs: string[] = [];
  const { out, err } = await setup.provision(["--json"], {
    err: (text) => void outputs.push(text),
    confirm: async () => {
      outputs.push("asked");
      return false;
    },
  });
  expect(err).toBe("");
  expect(outputs.slice(0, outputs.indexOf("asked")).join("")).toContain("create  administrator: set Plane up");
  expect(JSON.parse(out)).toMatchObject({ error: { code: "unconfirmed" } });
});

test("the runtime accepts the settings that provision writes, including the ten default agents", async () => {
  const setup = await createProvisionSetup({ config: false });
  expect(await setup.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
  const env = { PLANE_URL: setup.url, PLANE_WORKSPACE: "javisi", PUBLIC_URL: "https://crew.example.com" };
  const parsed = parseSettings(env, { read: (path) => setup.files.get(path) });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { agents, agentTokens, plane, adminTokens } = parsed.settings;
  expect(agents.map(({ name }) => name)).toEqual(
    "Concierge Imhotep Thot Basquiat R2D2 Shuri Piccolo CFO Maintainer Hermes".split(" "),
  );
  expect(Object.keys(plane?.agentKeys ?? {})).toHaveLength(10);
  expect(plane?.webhookSecrets).toHaveLength(1);
  expect(adminTokens).toHaveLength(1);
  const token = setup.files.get("data/agents/r2d2/token")?.text.trim() ?? "";
  const tokens = agentTokens.find(({ agent }) => agent === "R2D2")?.tokens;
  expect(tokens).toEqual([`sha256:${await sha256Hex(token)}`]);
  expect(parsed.warnings.join()).not.toContain("is not used");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});
