import { expect, test } from "vitest";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readProvisionedState } from "./provisioned-state.ts";

test("v1.2.2 has no relations: the sample tasks are made without the dependency, and it is said", async () => {
  const crew = await createProvisionSetup({ version: "1.2.2" });
  const { exit, failed, detail } = await crew.provisionWithReport();
  expect({ exit, failed }).toEqual({ exit: 0, failed: [] });
  expect(detail("sample tasks")).toContain("this version of Plane has no relations");
  expect((await readProvisionedState(crew)).items.map(({ waitsFor }) => waitsFor.length)).toEqual([0, 0, 0]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("a Plane that has no relations although its version should is treated like v1.2", async () => {
  const crew = await createProvisionSetup();
  crew.plane.faults.add({ path: "/relations/" }, { kind: "status", status: 404, body: '{"error":"Page not found."}' });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a human of their own gets an account as admin, in their language", async () => {
  const human = { email: "grace@example.test", name: "Grace" };
  const config = {
    agents: [],
    provision: { human, domain: "crew.test", project: { name: "First", identifier: "ONB" } },
  };
  const crew = await createProvisionSetup({ config });
  const { failed, detail } = await crew.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("agents")).toContain("names no agents: copy them from groundcrew.json.agents");
  const state = await readProvisionedState(crew);
  expect(state.members).toContain("grace@example.test 20 Grace");
  expect(state.languages["grace@example.test"]).toBe("fr, knows Plane");
  expect(state.members).toContain("hermes@crew.test 15 Hermes");
  expect(state.inProject).toContain("grace@example.test");
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0 });
});

test("without an address of our own there is no webhook, and it is said", async () => {
  const crew = await createProvisionSetup({ env: { PUBLIC_URL: "" } });
  const { failed, detail } = await crew.provisionWithReport();
  expect(failed).toEqual([]);
  expect(detail("webhook")).toContain("set PUBLIC_URL or PLANE_WEBHOOK_TARGET");
});

test("the skill lies ready with the address filled in", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  expect(crew.files.get("data/skill/plane-bridge/SKILL.md")?.text).toBe(
    `curl "\${GROUNDCREW_URL:-https://crew.example.com}/agent/$1"\n`,
  );
});

test("a Plane that is not up yet is waited for, with a line now and then", async () => {
  const crew = await createProvisionSetup();
  await crew.plane.takeDown();
  let looks = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    looks += 1;
    if (looks === 8) await crew.plane.bringUp();
    return globalThis.fetch(input, init);
  };
  const { exit, err } = await crew.provision(["--yes"], { fetch });
  expect(exit).toBe(0);
  expect(crew.waits.filter((ms) => ms === 2_000)).toHaveLength(7);
  expect(err.match(/waiting for Plane at/g)).toHaveLength(2);
});

test("answers that nobody needs may have another form or status", async () => {
  const crew = await createProvisionSetup({ config: { agents: TEAM_AGENTS, provision: { timezone: "Europe/Paris" } } });
  const unneeded =
    /^\/api\/(workspaces\/([^/]+\/)?|workspaces\/[^/]+\/(invitations|members\/[^/]+)\/|users\/me\/(profile\/|workspaces\/invitations\/)?|v1\/.*\/(states|labels|members|relations)\/)$/;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (init?.method === "GET" || !answer.ok || !unneeded.test(new URL(String(input)).pathname)) return answer;
    return new Response('{"moons":2}', { status: 202, headers: { "content-type": "application/json" } });
  };
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("a redirect is no answer, also where the answer is not needed", async () => {
  const crew = await createProvisionSetup();
  const headers = { location: "https://elsewhere.example.com/" };
  const elsewhere = { kind: "status", status: 302, headers, body: "" } as const;
  crew.plane.faults.add({ method: "POST", path: "/api/workspaces/javisi/invitations/" }, elsewhere);
  expect((await crew.provisionWithReport()).detail("account Thot")).toContain(
    "redirects workspace_invitations_create to https://elsewhere",
  );
});

test("whether an address is known is asked as nobody: of a session Plane wants a token for it", async () => {
  const crew = await createProvisionSetup();
  let asked = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (!String(input).endsWith("/auth/email-check/")) return globalThis.fetch(input, init);
    asked += 1;
    return new Headers(init?.headers).has("cookie")
      ? new Response('{"detail":"CSRF Failed: CSRF token missing."}', { status: 403 })
      : globalThis.fetch(input, init);
  };
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(asked).toBe(3);
});

test("a name that Plane takes for an address is shown all the same", async () => {
  const crew = await createProvisionSetup({
    config: { agents: [...TEAM_AGENTS, { name: "Dr.No", email: "no@javisi.local" }] },
  });
  const fetch: typeof globalThis.fetch = async (input, init) =>
    String(init?.body).includes('"first_name":"Dr.No"')
      ? new Response('{"first_name":["First name cannot contain a URL."]}', { status: 400 })
      : globalThis.fetch(input, init);
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect((await readProvisionedState(crew)).members).toContain("no@javisi.local 15 Dr.No");
});

test("addresses in capital letters are the same addresses", async () => {
  const agents = TEAM_AGENTS.map((agent) => ({ ...agent, email: agent.email.toUpperCase() }));
  const crew = await createProvisionSetup({ config: { agents }, env: { PLANE_ADMIN_EMAIL: "Ada@Example.TEST" } });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect(await crew.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  expect((await crew.provisionWithReport(["--yes", "--rotate", "all"])).failed).toEqual([]);
});

test("Plane below a path, written with slashes at its end", async () => {
  const crew = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) => {
    expect(String(input)).toContain(`${crew.url}/plane/`);
    return globalThis.fetch(String(input).replace("/plane/", "/"), init);
  };
  const env = { ...crew.env, PLANE_URL: `${crew.url}/plane//` };
  expect((await crew.provisionWithReport(["--yes"], { fetch, env })).failed).toEqual([]);
});

test("somebody who was removed from the workspace stays in Plane's list, and is invited again", async () => {
  const crew = await createProvisionSetup();
  await crew.provision();
  const fetch = alterResponse("/api/workspaces/javisi/members/", (body) => {
    const rows: { member: { email: string }; is_active: boolean }[] = JSON.parse(body);
    return JSON.stringify(rows.map((row) => ({ ...row, is_active: row.member.email !== "thot@javisi.local" })));
  });
  const { detail } = await crew.provisionWithReport(["--dry-run"], { fetch });
  expect(detail("account Thot")).toBe("let thot@javisi.local join the workspace");
  expect(detail("account Imhotep")).toBe("imhotep@javisi.local");
});

test("an invitation that does not arrive is told, and not taken for having joined", async () => {
  const crew = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) =>
    init?.method === "GET" && String(input).endsWith("/api/users/me/workspaces/invitations/")
      ? Promise.resolve(new Response("[]"))
      : globalThis.fetch(input, init);
  expect((await crew.provisionWithReport(["--yes"], { fetch })).detail("account Thot")).toContain(
    "Plane shows thot@javisi.local no invitation to javisi",
  );
});

test("somebody who has accepted by the link in the letter is in by signing in, without an invitation", async () => {
  const crew = await createProvisionSetup();
  const mine = "/api/users/me/workspaces/invitations/";
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (init?.method !== "GET" || !String(input).endsWith(mine)) return answer;
    const rows: { id: string }[] = JSON.parse(await answer.text());
    const json = { "content-type": "application/json" };
    const headers = { ...Object.fromEntries(new Headers(init.headers)), ...json };
    const body = JSON.stringify({ invitations: rows.map(({ id }) => id) });
    await globalThis.fetch(`${crew.url}${mine}`, { method: "POST", headers, body });
    return new Response("[]", { headers: json });
  };
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect((await readProvisionedState(crew)).members).toContain("thot@javisi.local 15 Thot");
});

test("a blank after an agent's name is no part of it: a second run changes nothing", async () => {
  const agents = TEAM_AGENTS.map((agent) => ({ ...agent, name: `${agent.name} ` }));
  const crew = await createProvisionSetup({ config: { agents } });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
  expect((await readProvisionedState(crew)).members).toContain("thot@javisi.local 15 Thot");
  expect([...crew.files.keys()]).toContain("data/agents/thot/token");
});
