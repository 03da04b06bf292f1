import { expect, test } from "vitest";
import { parseBlockedByText } from "../../../shared/sync/dependency-edges.ts";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readFirstProject, readProvisionedState } from "./provisioned-state.ts";

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

test("the sample tasks are in Todo, because no agent is woken for Plane's Backlog", async () => {
  const setup = await createProvisionSetup();
  await setup.provisionWithReport();
  const project = (await readFirstProject(setup))?.id ?? "";
  const states = setup.plane.states(project);
  const names = setup.plane.items(project).map(({ state }) => states.find(({ id }) => id === state)?.name);
  expect(names).toEqual(["Todo", "Todo", "Todo"]);
});

test("a Plane without a route for relations is treated like v1.2, whatever its version", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ path: "/relations/" }, { kind: "status", status: 404, body: '{"error":"Page not found."}' });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a configured human gets an account as admin in their language", async () => {
  const human = { email: "grace@example.test", name: "Grace" };
  const config = {
    agents: [],
    provision: { human, domain: "crew.test", project: { name: "First", identifier: "ONB" } },
  };
  const setup = await createProvisionSetup({ config });
  const { failed, detail } = await setup.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("agents")).toContain("has no agents: copy them from groundcrew.json.agents");
  const state = await readProvisionedState(setup);
  expect(state.members).toContain("grace@example.test 20 Grace");
  expect(state.languages["grace@example.test"]).toBe("fr, knows Plane");
  expect(state.members).toContain("hermes@crew.test 15 Hermes");
  expect(state.inProject).toContain("grace@example.test");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("without PUBLIC_URL provision creates no webhook, and the report mentions it", async () => {
  const setup = await createProvisionSetup({ env: { PUBLIC_URL: "" } });
  const { failed, detail } = await setup.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("webhook")).toContain("set PUBLIC_URL or PLANE_WEBHOOK_TARGET");
});

test("provision writes the skill with the address filled in", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  expect(setup.files.get("data/skill/plane-bridge/SKILL.md")?.text).toBe(
    `curl "\${GROUNDCREW_URL:-https://crew.example.com}/agent/$1"\n`,
  );
});

test("provision waits for a Plane that is not running yet, with occasional progress lines", async () => {
  const setup = await createProvisionSetup();
  await setup.plane.takeDown();
  let requestCount = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    requestCount += 1;
    if (requestCount === 8) await setup.plane.bringUp();
    return globalThis.fetch(input, init);
  };
  const { exit, err } = await setup.provision(["--yes"], { fetch });
  expect(exit).toBe(0);
  expect(setup.waits.filter((ms) => ms === 2_000)).toHaveLength(7);
  expect(err.match(/waiting for Plane at/g)).toHaveLength(2);
});

test("provision accepts another form or status of answers that it does not need", async () => {
  const setup = await createProvisionSetup({
    config: { agents: TEAM_AGENTS, provision: { timezone: "Europe/Paris" } },
  });
  const unneeded =
    /^\/api\/(workspaces\/([^/]+\/)?|workspaces\/[^/]+\/(invitations|members\/[^/]+)\/|users\/me\/(profile\/|workspaces\/invitations\/)?|v1\/.*\/(states|labels|members|relations)\/)$/;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (init?.method === "GET" || !answer.ok || !unneeded.test(new URL(String(input)).pathname)) return answer;
    return new Response('{"moons":2}', { status: 202, headers: { "content-type": "application/json" } });
  };
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a redirect fails a step even if its answer is not needed", async () => {
  const setup = await createProvisionSetup();
  const headers = { location: "https://elsewhere.example.com/" };
  const elsewhere = { kind: "status", status: 302, headers, body: "" } as const;
  setup.plane.faults.add({ method: "POST", path: "/api/workspaces/javisi/invitations/" }, elsewhere);
  expect((await setup.provisionWithReport()).detail("account Thot")).toContain(
    "redirects workspace_invitations_create to https://elsewhere",
  );
});

test("provision checks for existing accounts without a session, because Plane requires a form token with one", async () => {
  const setup = await createProvisionSetup();
  let checkCount = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (!String(input).endsWith("/auth/email-check/")) return globalThis.fetch(input, init);
    checkCount += 1;
    return new Headers(init?.headers).has("cookie")
      ? new Response('{"detail":"CSRF Failed: CSRF token missing."}', { status: 403 })
      : globalThis.fetch(input, init);
  };
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(checkCount).toBe(3);
});

test("a name that Plane refuses as a first name becomes the display name", async () => {
  const setup = await createProvisionSetup({
    config: { agents: [...TEAM_AGENTS, { name: "Dr.No", email: "no@javisi.local" }] },
  });
  const fetch: typeof globalThis.fetch = async (input, init) =>
    String(init?.body).includes('"first_name":"Dr.No"')
      ? new Response('{"first_name":["First name cannot contain a URL."]}', { status: 400 })
      : globalThis.fetch(input, init);
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect((await readProvisionedState(setup)).members).toContain("no@javisi.local 15 Dr.No");
});

test("provision compares e-mail addresses without regard to case", async () => {
  const agents = TEAM_AGENTS.map((agent) => ({ ...agent, email: agent.email.toUpperCase() }));
  const setup = await createProvisionSetup({ config: { agents }, env: { PLANE_ADMIN_EMAIL: "Ada@Example.TEST" } });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  expect((await setup.provisionWithReport(["--yes", "--rotate", "all"])).failed).toEqual([]);
});

test("provision accepts a PLANE_URL with a path and trailing slashes", async () => {
  const setup = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) => {
    expect(String(input)).toContain(`${setup.url}/plane/`);
    return globalThis.fetch(String(input).replace("/plane/", "/"), init);
  };
  const env = { ...setup.env, PLANE_URL: `${setup.url}/plane//` };
  expect((await setup.provisionWithReport(["--yes"], { fetch, env })).failed).toEqual([]);
});

test("provision invites an account again that was removed from the workspace but is still in Plane's list", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  const fetch = alterResponse("/api/workspaces/javisi/members/", (body) => {
    const rows: { member: { email: string }; is_active: boolean }[] = JSON.parse(body);
    return JSON.stringify(rows.map((row) => ({ ...row, is_active: row.member.email !== "thot@javisi.local" })));
  });
  const { detail } = await setup.provisionWithReport(["--dry-run"], { fetch });
  expect(detail("account Thot")).toBe("add thot@javisi.local to the workspace");
  expect(detail("account Imhotep")).toBe("imhotep@javisi.local");
});

test("a missing invitation fails the account's step, and does not count as joined", async () => {
  const setup = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) =>
    init?.method === "GET" && String(input).endsWith("/api/users/me/workspaces/invitations/")
      ? Promise.resolve(new Response("[]"))
      : globalThis.fetch(input, init);
  expect((await setup.provisionWithReport(["--yes"], { fetch })).detail("account Thot")).toContain(
    "Plane shows thot@javisi.local no invitation to javisi",
  );
});

test("an account that accepted its invitation by the link in the e-mail becomes a member without another one", async () => {
  const setup = await createProvisionSetup();
  const path = "/api/users/me/workspaces/invitations/";
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (init?.method !== "GET" || !String(input).endsWith(path)) return answer;
    const rows: { id: string }[] = JSON.parse(await answer.text());
    const json = { "content-type": "application/json" };
    const headers = { ...Object.fromEntries(new Headers(init.headers)), ...json };
    const body = JSON.stringify({ invitations: rows.map(({ id }) => id) });
    await globalThis.fetch(`${setup.url}${path}`, { method: "POST", headers, body });
    return new Response("[]", { headers: json });
  };
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect((await readProvisionedState(setup)).members).toContain("thot@javisi.local 15 Thot");
});

test("provision ignores spaces around an agent's name", async () => {
  const agents = TEAM_AGENTS.map((agent) => ({ ...agent, name: `${agent.name} ` }));
  const setup = await createProvisionSetup({ config: { agents } });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect((await readProvisionedState(setup)).members).toContain("thot@javisi.local 15 Thot");
  expect([...setup.files.keys()]).toContain("data/agents/thot/token");
});
