import { expect, test } from "vitest";
import { apiTokens } from "../../../shared/plane/app/account.ts";
import { workspaceMembers } from "../../../shared/plane/app/workspaces.ts";
import { ADMIN, rig, text } from "./rig.ts";
import { signedIn, stateOf } from "./state.ts";

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

test("Groundcrew's own key that Plane has forgotten: the plan says that one is made, and that nothing is in its way", async () => {
  const crew = await rig();
  await crew.provision();
  crew.plane.revokeKey(text(crew.secrets()["PLANE_API_KEY"]));
  const planned = await crew.report(["--dry-run"]);
  expect(planned.failed).toEqual([]);
  expect(planned.detail("groundcrew's API key")).toContain("because Plane refuses the old one");
  expect(planned.exit).toBe(0);
  expect(await crew.report()).toMatchObject({ changed: 1, failed: [] });
});

test("keys that are lost on their way are not taken for refused ones: nothing is replaced, and it is said", async () => {
  const crew = await rig();
  await crew.provision();
  const kept = crew.secrets();
  const fetch: typeof globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.delete("x-api-key");
    return globalThis.fetch(input, { ...init, headers });
  };
  const { exit, changed, detail } = await crew.report(["--yes"], { fetch });
  expect({ exit, changed }).toEqual({ exit: 1, changed: 0 });
  expect(detail("API key Thot")).toContain("does not let the X-Api-Key header through");
  expect(crew.secrets()).toEqual(kept);
  expect(await crew.report()).toMatchObject({ changed: 0, failed: [] });
});

test("a key that is another account's is told apart from one that Plane refuses", async () => {
  const crew = await rig();
  await crew.provision();
  const kept = { ...crew.secrets(), PLANE_API_KEY_THOT: text(crew.secrets()["PLANE_API_KEY_IMHOTEP"]) };
  crew.files.set("data/secrets.json", { text: JSON.stringify(kept), mode: 0o600 });
  const { changed, detail } = await crew.report();
  expect({ changed, detail: detail("API key Thot") }).toEqual({
    changed: 1,
    detail: "PLANE_API_KEY_THOT, of thot@javisi.local, because the old one is another account's",
  });
  expect(crew.secrets()["PLANE_API_KEY_IMHOTEP"]).toBe(kept.PLANE_API_KEY_THOT);
});

test("a Plane that was made anew gets its team again, from what was kept of the old one", async () => {
  const old = await rig();
  await old.provision();
  const crew = await rig();
  for (const [path, file] of old.files) crew.files.set(path, file);
  expect((await crew.report(["--dry-run"])).failed).toEqual([]);
  expect((await crew.report()).failed).toEqual([]);
  expect(await crew.report()).toMatchObject({ changed: 0, failed: [] });
});

test("a project whose making was done and not answered is ours, and nobody is told to choose another name", async () => {
  const crew = await rig();
  let lost = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (lost > 0 || init?.method !== "POST" || !String(input).endsWith("/projects/")) return answer;
    lost += 1;
    return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
  };
  expect((await crew.report(["--yes"], { fetch })).failed).toEqual([]);
  expect(lost).toBe(1);
  expect((await stateOf(crew)).project).toMatchObject({ name: "Onboarding", page_view: false });
  expect(await crew.report()).toMatchObject({ changed: 0, failed: [] });
});

test("a token that somebody has given the same label by hand is not taken for ours", async () => {
  const crew = await rig();
  await crew.provision();
  const session = await signedIn(crew, "thot@javisi.local");
  const json = { label: "groundcrew Thot", description: "by hand" };
  const { id } = (await session.call(apiTokens.create, { json })).data;
  crew.plane.revokeKey(text(crew.secrets()["PLANE_API_KEY_THOT"]));
  expect((await crew.report()).failed).toEqual([]);
  await crew.provision(["--yes", "--rotate", "thot"]);
  await crew.provision(["--yes", "--retire"]);
  const left = (await session.call(apiTokens.list)).data;
  expect(left).toHaveLength(2);
  expect(left.map((token) => token.id)).toContain(id);
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
