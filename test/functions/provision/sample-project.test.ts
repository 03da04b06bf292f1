import { expect, test } from "vitest";
import { z } from "zod";
import { findSampleProject } from "../../../functions/provision/steps/sample-project.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { apiTokensApi } from "../../../shared/plane/app/endpoints.ts";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { readRecordedExchanges } from "../../support/plane-replay-server.ts";
import { ADMIN_EMAIL, createProvisionSetup, type ProvisionSetup } from "./provision-setup.ts";
import { createSignedInSession } from "./provisioned-state.ts";

const projectsSchema = z.object({ results: z.array(z.object({ identifier: z.string(), id: z.string() })) });
const REMOVE = ["--yes", "--remove-sample-project"];
const STEP = "plane's sample project";

/** Identifiers of the projects in Plane, with the id of each. */
async function readProjects(setup: ProvisionSetup): Promise<Record<string, string>> {
  const headers = { "x-api-key": String(setup.readSecrets()["PLANE_API_KEY"]) };
  const answer = await fetch(`${setup.url}/api/v1/workspaces/javisi/projects/`, { headers });
  const { results } = projectsSchema.parse(await answer.json());
  return Object.fromEntries(results.map(({ identifier, id }) => [identifier, id]));
}

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
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["ONB"]);
  expect(await readAdminTokens(setup)).toEqual([]);
  expect(await setup.provisionWithReport(REMOVE)).toMatchObject({ changed: 0, failed: [] });
});

test("without an option and a terminal the sample project is kept, and the report names the option", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const { changed, detail } = await setup.provisionWithReport();
  expect(changed).toBe(0);
  expect(detail(STEP)).toBe("javisi (JAVIS): left unchanged; --remove-sample-project removes it");
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["JAVIS", "ONB"]);
  expect(await setup.provisionWithReport(REMOVE)).toMatchObject({ changed: 1, failed: [] });
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["ONB"]);
});

test.each([
  ["yes", true, ["ONB"]],
  ["no", false, ["JAVIS", "ONB"]],
])("at a terminal provision offers to remove the sample project, and does so on %s only", async (_, answer, left) => {
  const setup = await createProvisionSetup();
  const questions: string[] = [];
  const confirm = async (question: string) => {
    questions.push(question);
    return question.startsWith("Apply this plan") || answer;
  };
  expect((await setup.provision([], { confirm })).exit).toBe(0);
  expect(questions[1]).toBe(
    "Also remove Plane's own sample project, the one that Plane adds to a new workspace, if nobody has changed it?",
  );
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(left);
});

test("--keep-sample-project asks nothing and keeps it; both options together are refused", async () => {
  const setup = await createProvisionSetup();
  const questions: string[] = [];
  const confirm = async (question: string) => questions.push(question) > 0;
  expect((await setup.provision(["--keep-sample-project"], { confirm })).exit).toBe(0);
  expect(questions).toHaveLength(1);
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["JAVIS", "ONB"]);
  expect(await setup.provision(["--keep-sample-project", "--remove-sample-project"])).toMatchObject({ exit: 2 });
});

test.each([
  ["a new work item", (setup: ProvisionSetup, project: string) => void setup.plane.addItem(project, { name: "Ours" })],
  [
    "an edited work item",
    (setup: ProvisionSetup, project: string) =>
      void setup.plane.editItem(setup.plane.items(project)[0]?.id ?? "", { priority: "high" }),
  ],
  [
    "a comment",
    (setup: ProvisionSetup, project: string) =>
      void setup.plane.addComment(setup.plane.items(project)[0]?.id ?? "", "<p>Ours</p>"),
  ],
])("a sample project with %s is kept, and the failed step says what to do", async (_, change) => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const { JAVIS = "" } = await readProjects(setup);
  change(setup, JAVIS);
  const { failed, exit } = await setup.provisionWithReport(REMOVE);
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual([STEP]);
  expect(failed[0]?.detail).toContain("--keep-sample-project");
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["JAVIS", "ONB"]);
  expect(await readAdminTokens(setup)).toEqual([]);
});

test.each([
  ["another name", { name: "Ours" }],
  ["another feature", { cycle_view: false }],
])("a sample project with %s counts as changed and is not offered", async (_, patch) => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const { JAVIS = "" } = await readProjects(setup);
  setup.plane.editProject(JAVIS, patch);
  expect((await setup.provisionWithReport(REMOVE)).detail(STEP)).toBe("none, or people have changed it");
  expect(Object.keys(await readProjects(setup)).sort()).toEqual(["JAVIS", "ONB"]);
});

test("a project of people that looks like the sample but was not made by Plane's bot is never removed", async () => {
  const setup = await createProvisionSetup();
  await setup.provision(REMOVE);
  const project = setup.plane.addProject({ name: "Copy", identifier: "COPY" });
  setup.plane.editProject(project, { description: "Welcome to the Plane Demo Project!" });
  expect(await setup.provisionWithReport(REMOVE)).toMatchObject({ changed: 0, failed: [] });
  expect(Object.keys(await readProjects(setup)).sort()).toContain("COPY");
});

test("an interrupted removal leaves no API key behind after the next run", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const crash: typeof globalThis.fetch = async (input, init) => {
    // The key's deletion fails as well, as at the end of the process.
    if (init?.method === "DELETE") throw new TypeError("fetch failed");
    return globalThis.fetch(input, init);
  };
  expect((await setup.provisionWithReport(REMOVE, { fetch: crash })).exit).toBe(1);
  expect(await readAdminTokens(setup)).toEqual(["groundcrew sample project"]);
  expect((await setup.provisionWithReport()).detail(STEP)).toContain("delete the temporary API key");
  expect(await readAdminTokens(setup)).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("the sample project that a real Plane v1.3.1 created is recognized in the recorded answers", async () => {
  const recorded = readRecordedExchanges().get("projects-members.json") ?? [];
  const find = (name: string) => recorded.find((exchange) => exchange.name === name)?.response.body;
  const answers: Record<string, unknown> = {
    "/api/v1/workspaces/javisi/projects/": find("projects_list"),
    "/api/v1/workspaces/javisi/members/": find("workspace_members"),
  };
  const client = createPlaneClient({
    url: "http://plane.test",
    workspace: "javisi",
    apiKey: "a-key",
    keyName: "key",
    rateLimit: 60,
    store: createMemoryStore({ clock: Date.now }),
    metrics: noMetrics,
    log: createLog({ level: "error", write: () => {}, clock: Date.now }),
    clock: Date.now,
    wait: async () => {},
    fetch: async (input) => Response.json(answers[new URL(String(input)).pathname]),
  });
  expect(await findSampleProject(client)).toMatchObject({ name: "javisi", identifier: "JAVIS", member_role: 20 });
});

test("--remove-sample-project works on v1.2.2", async () => {
  const setup = await createProvisionSetup({ version: "1.2.2" });
  expect((await setup.provisionWithReport(REMOVE)).failed).toEqual([]);
  expect(Object.keys(await readProjects(setup))).toEqual(["ONB"]);
});
