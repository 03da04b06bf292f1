import { expect, test } from "vitest";
import { apiTokensApi } from "../../../shared/plane/app/account.ts";
import { workspaceMembersApi } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN_EMAIL, createProvisionSetup, expectText } from "./provision-setup.ts";
import { createSignedInSession, readProvisionedState } from "./provisioned-state.ts";

test("people may delete the sample tasks: a later run does not bring them back", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const [item] = (await readProvisionedState(crew)).items;
  expect(item).toBeDefined();
  const project = crew.readNotes().samples;
  for (const one of crew.plane.items(project)) crew.plane.deleteItem(one);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
  expect(crew.plane.items(project)).toEqual([]);
});

test("a webhook that Plane has switched off is switched on again", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.setWebhookActive(crew.readNotes().webhook, false);
  const { changed, detail } = await crew.provisionWithReport();
  expect(changed).toBe(1);
  expect(detail("webhook")).toBe("switch it on again");
  expect(crew.plane.isWebhookActive(crew.readNotes().webhook)).toBe(true);
});

test("another webhook target moves our webhook and keeps its secret", async () => {
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

test("AUTH-01 a role that somebody changed is brought back", async () => {
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

test("a key that Plane has forgotten is made anew", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY_THOT"]));
  const { steps } = await crew.provisionWithReport();
  expect(steps.filter(({ status }) => status !== "unchanged").map(({ name }) => name)).toEqual(["API key Thot"]);
  expect((await readProvisionedState(crew)).tokens["thot@javisi.local"]).toEqual(["groundcrew Thot"]);
});

test("Groundcrew's own key that Plane has forgotten: the plan says that one is made, and that nothing is in its way", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY"]));
  const planned = await crew.provisionWithReport(["--dry-run"]);
  expect(planned.failed).toEqual([]);
  expect(planned.detail("groundcrew's API key")).toContain("because Plane refuses the old one");
  expect(planned.exit).toBe(0);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 1, failed: [] });
});

test("keys that are lost on their way are not taken for refused ones: nothing is replaced, and it is said", async () => {
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
  expect(detail("API key Thot")).toContain("does not let the X-Api-Key header through");
  expect(crew.readSecrets()).toEqual(kept);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a key that is another account's is told apart from one that Plane refuses", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const kept = { ...crew.readSecrets(), PLANE_API_KEY_THOT: expectText(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]) };
  crew.files.set("data/secrets.json", { text: JSON.stringify(kept), mode: 0o600 });
  const { changed, detail } = await crew.provisionWithReport();
  expect({ changed, detail: detail("API key Thot") }).toEqual({
    changed: 1,
    detail: "PLANE_API_KEY_THOT, of thot@javisi.local, because the old one is another account's",
  });
  expect(crew.readSecrets()["PLANE_API_KEY_IMHOTEP"]).toBe(kept.PLANE_API_KEY_THOT);
});

test("a Plane that was made anew gets its team again, from what was kept of the old one", async () => {
  const old = await createProvisionSetup();
  await old.provision();
  const crew = await createProvisionSetup();
  for (const [path, file] of old.files) crew.files.set(path, file);
  expect((await crew.provisionWithReport(["--dry-run"])).failed).toEqual([]);
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a project whose making was done and not answered is ours, and nobody is told to choose another name", async () => {
  const crew = await createProvisionSetup();
  let lost = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (lost > 0 || init?.method !== "POST" || !String(input).endsWith("/projects/")) return answer;
    lost += 1;
    return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
  };
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(lost).toBe(1);
  expect((await readProvisionedState(crew)).project).toMatchObject({ name: "Onboarding", page_view: false });
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a token that somebody has given the same label by hand is not taken for ours", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const session = await createSignedInSession(crew, "thot@javisi.local");
  const json = { label: "groundcrew Thot", description: "by hand" };
  const { id } = (await session.call(apiTokensApi.create, { json })).data;
  crew.plane.revokeKey(expectText(crew.readSecrets()["PLANE_API_KEY_THOT"]));
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  await crew.provision(["--yes", "--rotate", "thot"]);
  await crew.provision(["--yes", "--retire"]);
  const left = (await session.call(apiTokensApi.list)).data;
  expect(left).toHaveLength(2);
  expect(left.map((token) => token.id)).toContain(id);
});

test("an agent that joins the settings later gets all it needs, and nothing else moves", async () => {
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
