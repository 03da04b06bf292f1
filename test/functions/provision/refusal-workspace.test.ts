import { expect, test } from "vitest";
import { webhooksApi } from "../../../shared/plane/app/webhooks.ts";
import { ADMIN_PASSWORD, alterResponse, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

test("a workspace that others use: only what is ours is added, nothing of theirs is touched", async () => {
  const { crew, session } = await createExistingInstance();
  const params = { workspace: "javisi" };
  const url = "https://n8n.example.com/hook";
  await session.call(webhooksApi.create, { params, json: { url, issue: true, is_active: false } });
  const theirs = crew.plane.addProject({ name: "Their own", identifier: "OWN" });
  const { id } = crew.plane.addItem(theirs, { name: "untouched" });
  crew.plane.runWorker();
  const item = crew.plane.item(id);
  const label = crew.plane.addLabel(theirs, "mine");
  const { failed, detail, exit } = await crew.provisionWithReport();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("workspace")).toContain("javisi was there before: left as it is (wanted: the name javisi)");
  expect(detail("administrator's profile")).toContain("left as it is");
  expect(crew.plane.workspace.name).toBe("Ours since long");
  const all = (await session.call(webhooksApi.list, { params })).data;
  expect(all.find((one) => one.url === url)).toMatchObject({ is_active: false, issue: true, project: false });
  expect(crew.plane.item(id)).toEqual(item);
  expect(crew.plane.labels(theirs)).toEqual([label]);
  expect(crew.plane.states(theirs)).toHaveLength(5);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("a project of that name that is not ours: left alone, and it is said what to choose", async () => {
  const { crew } = await createExistingInstance();
  const theirs = crew.plane.addProject({ name: "Onboarding", identifier: "HR" });
  const { exit, detail } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("project")).toContain(
    "There is a project Onboarding (HR) that provision did not make: it is left alone",
  );
  expect(crew.plane.states(theirs)).toHaveLength(5);
  const config = { agents: [], provision: { project: false } };
  crew.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
});

test("a workspace the administrator does not belong to: nothing of it is touched", async () => {
  const { crew } = await createExistingInstance({}, "");
  crew.plane.addWorkspace({ slug: "javisi" });
  const { exit, detail } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("workspace")).toContain(`there is a workspace javisi that ${ADMIN_EMAIL} does not belong to`);
});

test("an administrator who is no admin of the workspace is told so", async () => {
  const { crew } = await createExistingInstance({}, "");
  const grace = crew.plane.addUser({ name: "Grace" });
  crew.plane.addWorkspace({ slug: "javisi", owner: grace });
  const ada = crew.plane.addUser({ name: "Eve", email: "eve@example.test", role: 15, password: ADMIN_PASSWORD });
  expect(ada.email).toBe("eve@example.test");
  const { detail } = await crew.provisionWithReport(["--yes"], {
    env: { ...crew.env, PLANE_ADMIN_EMAIL: "eve@example.test" },
  });
  expect(detail("workspace")).toContain("eve@example.test is no admin of the workspace javisi");
});

test("a workspace written with other capital letters: says how Plane writes it, and makes no second one", async () => {
  const { crew } = await createExistingInstance();
  const { exit, detail } = await crew.provisionWithReport(["--yes"], {
    env: { ...crew.env, PLANE_WORKSPACE: "Javisi" },
  });
  expect(exit).toBe(1);
  expect(detail("workspace")).toBe("The workspace is called javisi in Plane, not Javisi: set PLANE_WORKSPACE=javisi.");
  expect(
    crew.plane.ledger.requests.filter(({ path, status }) => path === "/api/workspaces/" && status === 201),
  ).toHaveLength(1);
});

test("a new workspace may have capital letters", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_WORKSPACE: "Crew_1" } });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a name that Plane keeps for its own pages: says so", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_WORKSPACE: "god-mode" } });
  const fetch = alterResponse("/api/workspace-slug-check/", () => '{"status":false}');
  expect((await crew.provisionWithReport(["--yes"], { fetch })).detail("workspace")).toContain(
    "Plane keeps the name for its own pages (as admin, api, settings and others). Choose another PLANE_WORKSPACE",
  );
});

test("a Plane that lets nobody make workspaces: says where to allow it, and what can be done by hand", async () => {
  const crew = await createProvisionSetup();
  const body = '{"error":"Workspace creation is not allowed"}';
  crew.plane.faults.add({ method: "POST", path: "/api/workspaces/" }, { kind: "status", status: 403, body });
  const said = (await crew.provisionWithReport()).detail("workspace");
  expect(said).toContain("This Plane lets nobody make workspaces. Allow it while provision runs (God mode, Workspaces");
  expect(said).toContain("make the workspace javisi there by hand");
});

test("a secret project of that name, which no list shows: the same as one that is seen", async () => {
  const crew = await createProvisionSetup();
  const body = '{"name":"The project name is already taken"}';
  crew.plane.faults.add({ method: "POST", path: "/projects/" }, { kind: "status", status: 409, body });
  expect((await crew.provisionWithReport()).detail("project")).toContain(
    "Choose another name and identifier in GROUNDCREW_CONFIG",
  );
});
