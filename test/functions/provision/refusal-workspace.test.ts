import { expect, test } from "vitest";
import { webhooksApi } from "../../../shared/plane/app/endpoints.ts";
import { ADMIN_PASSWORD, alterResponse, createExistingInstance } from "./existing-instance.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

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

test("a project of the same name that provision did not create is left unchanged, and the refusal says what to choose", async () => {
  const { setup } = await createExistingInstance();
  const theirs = setup.plane.addProject({ name: "Onboarding", identifier: "HR" });
  const { exit, detail } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("project")).toContain(
    "Plane already has a project Onboarding (HR) that provision did not create; it was not changed",
  );
  expect(setup.plane.states(theirs)).toHaveLength(5);
  const config = { agents: [], provision: { project: false } };
  setup.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
});

test("a workspace of which the administrator is not a member is refused", async () => {
  const { setup } = await createExistingInstance({}, "");
  setup.plane.addWorkspace({ slug: "javisi" });
  const { exit, detail } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("workspace")).toContain(
    `The workspace name javisi is already taken: ${ADMIN_EMAIL} is not a member of that workspace`,
  );
});

test("an administrator who is not an admin of the workspace is refused", async () => {
  const { setup } = await createExistingInstance({}, "");
  const grace = setup.plane.addUser({ name: "Grace" });
  setup.plane.addWorkspace({ slug: "javisi", owner: grace });
  const ada = setup.plane.addUser({ name: "Eve", email: "eve@example.test", role: 15, password: ADMIN_PASSWORD });
  expect(ada.email).toBe("eve@example.test");
  const { detail } = await setup.provisionWithReport(["--yes"], {
    env: { ...setup.env, PLANE_ADMIN_EMAIL: "eve@example.test" },
  });
  expect(detail("workspace")).toContain("eve@example.test is not an admin of the workspace javisi");
});

test("a workspace slug in another case is refused with Plane's spelling, and no second workspace is created", async () => {
  const { setup } = await createExistingInstance();
  const { exit, detail } = await setup.provisionWithReport(["--yes"], {
    env: { ...setup.env, PLANE_WORKSPACE: "Javisi" },
  });
  expect(exit).toBe(1);
  expect(detail("workspace")).toBe("The workspace is called javisi in Plane, not Javisi: set PLANE_WORKSPACE=javisi.");
  expect(
    setup.plane.ledger.requests.filter(({ path, status }) => path === "/api/workspaces/" && status === 201),
  ).toHaveLength(1);
});

test("a new workspace may have capital letters in its slug", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_WORKSPACE: "Crew_1" } });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a workspace slug that Plane reserves for its own pages is refused", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_WORKSPACE: "god-mode" } });
  const fetch = alterResponse("/api/workspace-slug-check/", () => '{"status":false}');
  expect((await setup.provisionWithReport(["--yes"], { fetch })).detail("workspace")).toContain(
    "Plane reserves the name for its own pages (such as admin, api and settings). Choose another PLANE_WORKSPACE",
  );
});

test("disabled creation of workspaces is refused with where to enable it and the manual step", async () => {
  const setup = await createProvisionSetup();
  const body = '{"error":"Workspace creation is not allowed"}';
  setup.plane.faults.add({ method: "POST", path: "/api/workspaces/" }, { kind: "status", status: 403, body });
  const detail = (await setup.provisionWithReport()).detail("workspace");
  expect(detail).toContain(
    "Creating workspaces is disabled in this Plane. Enable it while provision runs (God mode, Workspaces",
  );
  expect(detail).toContain("create the workspace javisi there by hand");
});

test("a secret project of the same name, which no list contains, is refused like a visible one", async () => {
  const setup = await createProvisionSetup();
  const body = '{"name":"The project name is already taken"}';
  setup.plane.faults.add({ method: "POST", path: "/projects/" }, { kind: "status", status: 409, body });
  expect((await setup.provisionWithReport()).detail("project")).toContain(
    "Choose another name and identifier in GROUNDCREW_CONFIG",
  );
});
