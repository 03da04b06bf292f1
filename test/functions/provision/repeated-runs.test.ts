import { expect, test } from "vitest";
import { apiTokensApi, workspaceMembersApi } from "../../../shared/plane/app/endpoints.ts";
import { ADMIN_EMAIL, createProvisionSetup, expectText } from "./provision-setup.ts";
import { createSignedInSession, readProvisionedState } from "./provisioned-state.ts";

test("a later run does not create sample tasks again that people have deleted", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const [item] = (await readProvisionedState(setup)).items;
  expect(item).toBeDefined();
  const project = setup.readNotes().samples;
  for (const task of setup.plane.items(project)) setup.plane.deleteItem(task);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(setup.plane.items(project)).toEqual([]);
});

test("provision enables a webhook that Plane has disabled", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  setup.plane.setWebhookActive(setup.readNotes().webhook, false);
  const { changed, detail } = await setup.provisionWithReport();
  expect(changed).toBe(1);
  expect(detail("webhook")).toBe("enable it again");
  expect(setup.plane.isWebhookActive(setup.readNotes().webhook)).toBe(true);
});

test("a changed webhook target changes the webhook's address and the stored settings, and keeps its secret", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const secret = setup.readSecrets()["PLANE_WEBHOOK_SECRET"];
  const PLANE_WEBHOOK_TARGET = "https://other.example.com/hook";
  expect(await setup.provisionWithReport(["--yes"], { env: { ...setup.env, PLANE_WEBHOOK_TARGET } })).toMatchObject({
    changed: 2,
  });
  expect((await readProvisionedState(setup)).webhooks.map(({ url }) => url)).toEqual([PLANE_WEBHOOK_TARGET]);
  expect(setup.readSecrets()["PLANE_WEBHOOK_SECRET"]).toEqual(secret);
});

test("AUTH-01 provision restores an agent's role after a change in Plane", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const session = await createSignedInSession(setup, ADMIN_EMAIL);
  const params = { workspace: "javisi" };
  const members = (await session.call(workspaceMembersApi.list, { params })).data;
  const membership = members.find(({ member }) => member.email === "concierge@javisi.local")?.id ?? "";
  await session.call(workspaceMembersApi.update, { params: { ...params, membership }, json: { role: 15 } });
  const { changed, detail } = await setup.provisionWithReport();
  expect({ changed, detail: detail("roles") }).toEqual({ changed: 1, detail: "make Concierge admin" });
  expect((await readProvisionedState(setup)).members).toContain("concierge@javisi.local 20 Concierge");
});

test("provision replaces an API key that Plane no longer accepts", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  setup.plane.revokeKey(expectText(setup.readSecrets()["PLANE_API_KEY_THOT"]));
  const { steps } = await setup.provisionWithReport();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual(["API key Thot"]);
  expect((await readProvisionedState(setup)).tokens["thot@javisi.local"]).toEqual(["groundcrew Thot"]);
});

test("a plan replaces Groundcrew's own API key that Plane no longer accepts, and no step fails", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  setup.plane.revokeKey(expectText(setup.readSecrets()["PLANE_API_KEY"]));
  const planned = await setup.provisionWithReport(["--dry-run"]);
  expect(planned.failed).toEqual([]);
  expect(planned.detail("groundcrew's API key")).toContain("because Plane refused the old one");
  expect(planned.exit).toBe(0);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
});

test("provision replaces no API key when a proxy drops the X-Api-Key header, and reports the proxy", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const stored = setup.readSecrets();
  const fetch: typeof globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.delete("x-api-key");
    return globalThis.fetch(input, { ...init, headers });
  };
  const { exit, changed, detail } = await setup.provisionWithReport(["--yes"], { fetch });
  expect({ exit, changed }).toEqual({ exit: 1, changed: 0 });
  expect(detail("API key Thot")).toContain("drops the X-Api-Key header");
  expect(setup.readSecrets()).toEqual(stored);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision replaces an API key of another account, and gives that as the reason", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const stored = {
    ...setup.readSecrets(),
    PLANE_API_KEY_THOT: expectText(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]),
  };
  setup.files.set("data/secrets.json", { text: JSON.stringify(stored), mode: 0o600 });
  const { changed, detail } = await setup.provisionWithReport();
  expect({ changed, detail: detail("API key Thot") }).toEqual({
    changed: 1,
    detail: "PLANE_API_KEY_THOT, for thot@javisi.local, because the old one belongs to another account",
  });
  expect(setup.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(stored.PLANE_API_KEY_THOT);
});

test("provision sets up a new Plane with the stored secrets of an old one", async () => {
  const old = await createProvisionSetup();
  await old.provision();
  const setup = await createProvisionSetup();
  for (const [path, file] of old.files) setup.files.set(path, file);
  expect((await setup.provisionWithReport(["--dry-run"])).failed).toEqual([]);
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision recognizes its own project when the answer to its creation was lost", async () => {
  const setup = await createProvisionSetup();
  let lostAnswers = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (lostAnswers > 0 || init?.method !== "POST" || !String(input).endsWith("/projects/")) return answer;
    lostAnswers += 1;
    return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
  };
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(lostAnswers).toBe(1);
  expect((await readProvisionedState(setup)).project).toMatchObject({ name: "Onboarding", page_view: false });
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision does not delete a token with the same label that a person created", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const session = await createSignedInSession(setup, "thot@javisi.local");
  const json = { label: "groundcrew Thot", description: "by hand" };
  const { id } = (await session.call(apiTokensApi.create, { json })).data;
  setup.plane.revokeKey(expectText(setup.readSecrets()["PLANE_API_KEY_THOT"]));
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  await setup.provision(["--yes", "--rotate", "thot"]);
  await setup.provision(["--yes", "--retire"]);
  const remaining = (await session.call(apiTokensApi.list)).data;
  expect(remaining).toHaveLength(2);
  expect(remaining.map((token) => token.id)).toContain(id);
});

test("provision sets up an agent that was added to the settings, and changes nothing else", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const config = JSON.parse(setup.files.get("groundcrew.json")?.text ?? "");
  config.agents.push({ name: "Shuri", email: "shuri@javisi.local" });
  setup.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  const { steps } = await setup.provisionWithReport();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual([
    "account Shuri",
    "API key Shuri",
    "project members",
    "labels",
    "bridge token Shuri",
    "openclaw",
  ]);
});

test("a later run creates no state or label again that people have renamed, and one again that they have deleted", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const project = setup.readNotes().samples;
  const find = (rows: readonly { id: string; name: string }[], name: string) => {
    const row = rows.find((other) => other.name === name);
    if (!row) throw new Error(`Plane has no ${name}.`);
    return row;
  };
  setup.plane.rename(find(setup.plane.states(project), "Blocked"), "Waiting for others");
  setup.plane.rename(find(setup.plane.labels(project), "review"), "please check");
  setup.plane.rename(find(setup.plane.labels(project), "agent:Thot"), "team Thot");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
  setup.plane.deleteStateOrLabel(find(setup.plane.labels(project), "please check"));
  const { changed, detail } = await setup.provisionWithReport();
  expect({ changed, detail: detail("labels") }).toEqual({ changed: 1, detail: "review" });
});
