import { expect, test } from "vitest";
import { apiTokensApi } from "../../../shared/plane/app/account.ts";
import { workspaceMembersApi } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN_EMAIL, createProvisionSetup, expectText } from "./provision-setup.ts";
import { createSignedInSession, readProvisionedState } from "./provisioned-state.ts";

test("a later run does not create sample tasks again that people have deleted", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const [item] = (await readProvisionedState(crew)).items;
  expect(item).toBeDefined();
  const project = crew.readNotes().samples;
  for (const task of crew.plane.items(project)) crew.plane.deleteItem(task);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(crew.plane.items(project)).toEqual([]);
});

test("provision enables a webhook that Plane has disabled", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.setWebhookActive(crew.readNotes().webhook, false);
  const { changed, detail } = await crew.provisionWithReport();
  expect(changed).toBe(1);
  expect(detail("webhook")).toBe("enable it again");
  expect(crew.plane.isWebhookActive(crew.readNotes().webhook)).toBe(true);
});

test("a changed webhook target changes the webhook's address and keeps its secret", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const secret = crew.readSecrets()["PLANE_WEBHOOK_SECRET"];
  const PLANE_WEBHOOK_TARGET = "https://other.example.com/hook";
  expect(await crew.provisionWithReport(["--yes"], { env: { ...crew.env, PLANE_WEBHOOK_TARGET } })).toMatchObject({
    changed: 1,
  });
  expect((await readProvisionedState(crew)).webhooks.map(({ url }) => url)).toEqual([PLANE_WEBHOOK_TARGET]);
  expect(crew.readSecrets()["PLANE_WEBHOOK_SECRET"]).toEqual(secret);
});

test("AUTH-01 provision restores an agent's role that somebody changed", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const session = await createSignedInSession(crew, ADMIN_EMAIL);
  const params = { workspace: "javisi" };
  const members = (await session.call(workspaceMembersApi.list, { params })).data;
  const membership = members.find(({ member }) => member.email === "concierge@javisi.local")?.id ?? "";
  await session.call(workspaceMembersApi.update, { params: { ...params, membership }, json: { role: 15 } });
  const { changed, detail } = await crew.provisionWithReport();
  expect({ changed, detail: detail("roles") }).toEqual({ changed: 1, detail: "make Concierge admin" });
  expect((await readProvisionedState(crew)).members).toContain("concierge@javisi.local 20 Concierge");
});

test("provision replaces an API key that Plane no longer accepts", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY_THOT"]));
  const { steps } = await crew.provisionWithReport();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual(["API key Thot"]);
  expect((await readProvisionedState(crew)).tokens["thot@javisi.local"]).toEqual(["groundcrew Thot"]);
});

test("a plan replaces Groundcrew's own API key that Plane no longer accepts, and no step fails", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY"]));
  const planned = await crew.provisionWithReport(["--dry-run"]);
  expect(planned.failed).toEqual([]);
  expect(planned.detail("groundcrew's API key")).toContain("because Plane refused the old one");
  expect(planned.exit).toBe(0);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
});

test("provision replaces no API key when a proxy drops the X-Api-Key header, and reports the proxy", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const kept = crew.readSecrets();
  const fetch: typeof globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.delete("x-api-key");
    return globalThis.fetch(input, { ...init, headers });
  };
  const { exit, changed, detail } = await crew.provisionWithReport(["--yes"], { fetch });
  expect({ exit, changed }).toEqual({ exit: 1, changed: 0 });
  expect(detail("API key Thot")).toContain("drops the X-Api-Key header");
  expect(crew.readSecrets()).toEqual(kept);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision replaces an API key of another account, and gives that as the reason", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const kept = { ...crew.readSecrets(), PLANE_API_KEY_THOT: expectText(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]) };
  crew.files.set("data/secrets.json", { text: JSON.stringify(kept), mode: 0o600 });
  const { changed, detail } = await crew.provisionWithReport();
  expect({ changed, detail: detail("API key Thot") }).toEqual({
    changed: 1,
    detail: "PLANE_API_KEY_THOT, for thot@javisi.local, because the old one belongs to another account",
  });
  expect(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(kept.PLANE_API_KEY_THOT);
});

test("provision sets up a new Plane with the stored secrets of an old one", async () => {
  const old = await createProvisionSetup();
  await old.provision();
  const crew = await createProvisionSetup();
  for (const [path, file] of old.files) crew.files.set(path, file);
  expect((await crew.provisionWithReport(["--dry-run"])).failed).toEqual([]);
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision recognizes its own project when the answer to its creation was lost", async () => {
  const crew = await createProvisionSetup();
  let lostAnswers = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (lostAnswers > 0 || init?.method !== "POST" || !String(input).endsWith("/projects/")) return answer;
    lostAnswers += 1;
    return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
  };
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(lostAnswers).toBe(1);
  expect((await readProvisionedState(crew)).project).toMatchObject({ name: "Onboarding", page_view: false });
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("provision does not delete a token with the same label that a person created", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const session = await createSignedInSession(crew, "thot@javisi.local");
  const json = { label: "groundcrew Thot", description: "by hand" };
  const { id } = (await session.call(apiTokensApi.create, { json })).data;
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY_THOT"]));
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  await crew.provision(["--yes", "--rotate", "thot"]);
  await crew.provision(["--yes", "--retire"]);
  const remaining = (await session.call(apiTokensApi.list)).data;
  expect(remaining).toHaveLength(2);
  expect(remaining.map((token) => token.id)).toContain(id);
});

test("provision sets up an agent that was added to the settings, and changes nothing else", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const config = JSON.parse(crew.files.get("groundcrew.json")?.text ?? "");
  config.agents.push({ name: "Shuri", email: "shuri@javisi.local" });
  crew.files.set("groundcrew.json", { text: JSON.stringify(config), mode: 0o600 });
  const { steps } = await crew.provisionWithReport();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual([
    "account Shuri",
    "API key Shuri",
    "labels",
    "project members",
    "bridge token Shuri",
  ]);
});
