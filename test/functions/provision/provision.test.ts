import { expect, onTestFinished, test } from "vitest";
import { parseSettings } from "../../../shared/config/settings.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { parseBlockedByText } from "../../../shared/sync/dependency-edges.ts";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";
import { ADMIN_EMAIL, createProvisionSetup, SECRETS_PATH } from "./provision-setup.ts";
import { readFirstProject, readProvisionedState } from "./provisioned-state.ts";

test("PROV-01..04, AUTH-01..03 one command provisions a working set-up in an empty Plane; PROV-04 a second one changes nothing", async () => {
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
    languages: { [ADMIN_EMAIL]: "en, knows Plane", "thot@javisi.local": "en" },
    tokens: {
      [ADMIN_EMAIL]: [],
      "concierge@javisi.local": ["groundcrew", "groundcrew Concierge"],
      "imhotep@javisi.local": ["groundcrew Imhotep"],
    },
    webhooks: [{ url: "https://crew.example.com/webhooks/plane", is_active: true, issue: true, module: false }],
    project: {
      ...{ name: "Onboarding", identifier: "ONB", cycle_view: true, module_view: true },
      ...{ issue_views_view: false, page_view: false, intake_view: false },
    },
    states: [
      ...["backlog Backlog", "unstarted Todo", "started In Progress"],
      ...["completed Done", "cancelled Cancelled", "started Blocked"],
    ],
    labels: ["agent:Concierge", "agent:Imhotep", "agent:Thot", "blocked", "code", "review"],
    inProject: [ADMIN_EMAIL, "concierge@javisi.local", "imhotep@javisi.local", "thot@javisi.local"],
  });
  // Not in Backlog, for whose tasks no agent is woken.
  const { samples } = setup.readNotes();
  const todo = setup.plane.states(samples).find(({ name }) => name === "Todo")?.id;
  expect(setup.plane.items(samples).map(({ state }) => state)).toEqual([todo, todo, todo]);
  expect(setup.files.get("data/skill/plane-bridge/SKILL.md")?.text).toBe(
    `curl "\${GROUNDCREW_URL:-https://crew.example.com}/agent/$1"\n`,
  );
  expect(state.items.map(({ assignees, waitsFor }) => ({ assignees, waits: waitsFor.length }))).toEqual([
    { assignees: ["imhotep@javisi.local"], waits: 0 },
    { assignees: [ADMIN_EMAIL], waits: 0 },
    { assignees: ["thot@javisi.local"], waits: 1 },
  ]);

  // A second run changes nothing, and reports so.
  const filesBefore = new Map(setup.files);
  setup.plane.ledger.clear();
  expect(await setup.provisionWithReport()).toMatchObject({ exit: 0, changed: 0, failed: [] });
  const requests = setup.plane.ledger.requests.filter(({ path }) => !path.startsWith("/auth/"));
  expect(requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(setup.files).toEqual(filesBefore);
  expect(await readProvisionedState(setup)).toEqual(state);
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

test("provision without --yes asks for confirmation at a terminal, and does nothing without it", async () => {
  const setup = await createProvisionSetup();
  const questions: string[] = [];
  const answer = (yes: boolean) => async (question: string) => {
    questions.push(question);
    return yes;
  };
  expect(await setup.provision([])).toMatchObject({ exit: 1, out: expect.stringContaining("add --yes") });
  expect(setup.files.has(SECRETS_PATH)).toBe(false);
  expect((await setup.provision([], { confirm: answer(false) })).exit).toBe(1);
  expect(setup.files.has(SECRETS_PATH)).toBe(false);
  expect((await setup.provision(["--keep-sample-project"], { confirm: answer(true) })).exit).toBe(0);
  expect(questions).toHaveLength(2);
  expect((await setup.provision([], { confirm: answer(false) })).exit).toBe(0);
  expect(questions).toHaveLength(2);
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

const TOKEN = "1000:secret-of-the-bot";

test("provision sets Telegram's webhook and commands once, and again only when a setting changes", async () => {
  const telegram = createTelegramSimulator({ clock: Date.now, token: TOKEN, chats: [] });
  onTestFinished(() => telegram.stop());
  const TELEGRAM_API_ROOT = await telegram.start();
  const setup = await createProvisionSetup({ env: { TELEGRAM_BOT_TOKEN: TOKEN, TELEGRAM_API_ROOT } });
  const { failed, detail, steps } = await setup.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("telegram")?.split(", ").sort()).toEqual([
    "commands",
    "commands in en",
    "commands in fr",
    "webhook https://crew.example.com/webhooks/telegram",
  ]);
  expect(steps.find(({ name }) => name === "telegram")?.status).toBe("changed");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
  const env = { ...setup.env, TELEGRAM_WEBHOOK_SECRET: "another-secret-of-ours" };
  expect(await setup.provisionWithReport(["--yes"], { env })).toMatchObject({ changed: 1 });
});

test("provision repeats a read that got no answer, but not a write", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ method: "GET", path: "/api/workspaces/javisi/invitations/" }, { kind: "drop" }, 2);
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(setup.waits).toEqual([1_000, 3_000]);
  const second = await createProvisionSetup();
  second.plane.faults.add({ method: "POST", path: "/api/users/api-tokens/" }, { kind: "drop" }, 1);
  expect((await second.provisionWithReport()).failed.map(({ name }) => name)).toContain("groundcrew's API key");
  expect(second.plane.ledger.requests.filter(({ status }) => status === 0)).toHaveLength(1);
});

test("on v1.2.2, which has no relations, the description of a sample task names its blocker, and the report mentions it", async () => {
  const setup = await createProvisionSetup({ version: "1.2.2" });
  const { exit, failed, detail } = await setup.provisionWithReport();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("sample tasks")).toContain("the API of this version of Plane has no relations");
  expect((await readProvisionedState(setup)).items.map(({ waitsFor }) => waitsFor.length)).toEqual([0, 0, 0]);
  const project = await readFirstProject(setup);
  const samples = setup.plane.items(project?.id ?? "").toSorted((a, b) => a.sequence_id - b.sequence_id);
  expect(samples.map(({ description_html }) => parseBlockedByText(description_html))).toEqual([[], ["ONB-1"], []]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});
