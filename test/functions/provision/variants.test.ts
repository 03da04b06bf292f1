import { expect, test } from "vitest";
import { parseBlockedByText } from "../../../shared/sync/dependency-edges.ts";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readFirstProject, readProvisionedState } from "./provisioned-state.ts";

type Fetch = typeof globalThis.fetch;
type Fault = Parameters<ProvisionSetup["plane"]["faults"]["add"]>;

interface Variant {
  options?: NonNullable<Parameters<typeof createProvisionSetup>[0]>;
  env?: (setup: ProvisionSetup) => Record<string, string>;
  faults?: Fault[];
  fetch?: (setup: ProvisionSetup) => Fetch;
  /** A member that the workspace has afterwards. */
  member?: string;
}

const answerFirst = (status: number, body: string, times: number): Fault => [
  { path: "/api/instances/" },
  { kind: "status", status, body },
  times,
];

const UNNEEDED =
  /^\/api\/(workspaces\/([^/]+\/)?|workspaces\/[^/]+\/(invitations|members\/[^/]+)\/|users\/me\/(profile\/|workspaces\/invitations\/)?|v1\/.*\/(states|labels|members|relations)\/)$/;

const VARIANTS: Record<string, Variant> = {
  "without a route for relations, whatever its version": {
    faults: [[{ path: "/relations/" }, { kind: "status", status: 404, body: '{"error":"Page not found."}' }]],
  },
  "behind a proxy that shows an error page because Plane is starting": {
    faults: [answerFirst(404, "<html>Not here yet</html>", 30), answerFirst(502, "<html>Not here yet</html>", 30)],
  },
  "whose api has not finished its startup": {
    faults: [answerFirst(200, '{"is_activated":false,"is_setup_done":false}', 3)],
  },
  "that asks to wait": {
    faults: [[{ path: "/invitations/" }, { kind: "rate limited", retryAfter: 30 }, 2]],
  },
  "whose instance information has missing and additional fields": {
    fetch: () =>
      alterResponse("/api/instances/", (body) => {
        const { is_setup_done, current_version } = JSON.parse(body).instance;
        return JSON.stringify({ instance: { is_setup_done, current_version, moons: 2 }, config: { moons: [] } });
      }),
  },
  "whose instance information was cached before it was set up": {
    fetch: () => {
      const cache = new Map<string, string>();
      return async (input, init) => {
        const url = String(input);
        const answer = await globalThis.fetch(input, init);
        if (!url.includes("/api/instances/") || init?.method !== "GET") return answer;
        const text = cache.get(url) ?? (await answer.text());
        cache.set(url, text);
        return new Response(text, { headers: { "content-type": "application/json" } });
      };
    },
  },
  "that answers in another form or status where the answer is not needed": {
    options: { config: { agents: TEAM_AGENTS, provision: { timezone: "Europe/Paris" } } },
    fetch: () => async (input, init) => {
      const answer = await globalThis.fetch(input, init);
      if (init?.method === "GET" || !answer.ok || !UNNEEDED.test(new URL(String(input)).pathname)) return answer;
      return new Response('{"moons":2}', { status: 202, headers: { "content-type": "application/json" } });
    },
  },
  "that requires a form token for the check of an account in a session": {
    fetch: () => async (input, init) =>
      String(input).endsWith("/auth/email-check/") && new Headers(init?.headers).has("cookie")
        ? new Response('{"detail":"CSRF Failed: CSRF token missing."}', { status: 403 })
        : globalThis.fetch(input, init),
  },
  "that refuses an agent's name as a first name": {
    options: { config: { agents: [...TEAM_AGENTS, { name: "Dr.No", email: "no@javisi.local" }] } },
    fetch: () => async (input, init) =>
      String(init?.body).includes('"first_name":"Dr.No"')
        ? new Response('{"first_name":["First name cannot contain a URL."]}', { status: 400 })
        : globalThis.fetch(input, init),
    member: "no@javisi.local 15 Dr.No",
  },
  "with e-mail addresses in another case": {
    options: {
      config: { agents: TEAM_AGENTS.map((agent) => ({ ...agent, email: agent.email.toUpperCase() })) },
      env: { PLANE_ADMIN_EMAIL: "Ada@Example.TEST" },
    },
  },
  "at an address with a path and trailing slashes": {
    env: ({ url }) => ({ PLANE_URL: `${url}/plane//` }),
    fetch: (setup) => (input, init) => {
      expect(String(input)).toContain(`${setup.url}/plane/`);
      return globalThis.fetch(String(input).replace("/plane/", "/"), init);
    },
  },
  "whose invitation an account accepted by the link in the e-mail": {
    fetch: (setup) => async (input, init) => {
      const path = "/api/users/me/workspaces/invitations/";
      const answer = await globalThis.fetch(input, init);
      if (init?.method !== "GET" || !String(input).endsWith(path)) return answer;
      const rows: { id: string }[] = JSON.parse(await answer.text());
      const json = { "content-type": "application/json" };
      const headers = { ...Object.fromEntries(new Headers(init.headers)), ...json };
      const body = JSON.stringify({ invitations: rows.map(({ id }) => id) });
      await globalThis.fetch(`${setup.url}${path}`, { method: "POST", headers, body });
      return new Response("[]", { headers: json });
    },
    member: "thot@javisi.local 15 Thot",
  },
  "whose answer to the creation of the project is lost": {
    fetch: () => {
      let lostAnswers = 0;
      return async (input, init) => {
        const answer = await globalThis.fetch(input, init);
        if (lostAnswers > 0 || init?.method !== "POST" || !String(input).endsWith("/projects/")) return answer;
        lostAnswers += 1;
        return new Response('{"error":"Something went wrong please try again later"}', { status: 500 });
      };
    },
  },
  "with spaces around the agents' names": {
    options: { config: { agents: TEAM_AGENTS.map((agent) => ({ ...agent, name: `${agent.name} ` })) } },
    member: "thot@javisi.local 15 Thot",
  },
  "with capital letters in the new workspace's slug": { options: { env: { PLANE_WORKSPACE: "Crew_1" } } },
  "whose administrator's address has no letter before the @": {
    options: { env: { PLANE_ADMIN_EMAIL: "_@example.test" } },
  },
  "that allows webhooks to its own address": {
    options: {
      env: { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" },
      webhookAllowedHosts: ["127.0.0.1"],
    },
  },
  "without PUBLIC_URL, to which no webhook can be created": { options: { env: { PUBLIC_URL: "" } } },
};

test.each(Object.entries(VARIANTS))(
  "provision sets up a Plane %s, and a second run changes nothing",
  async (_, given) => {
    const setup = await createProvisionSetup(given.options);
    for (const fault of given.faults ?? []) setup.plane.faults.add(...fault);
    let now = Date.now();
    const change = {
      clock: () => (now += 1),
      env: { ...setup.env, ...given.env?.(setup) },
      ...(given.fetch && { fetch: given.fetch(setup) }),
    };
    const { exit, failed } = await setup.provisionWithReport(["--yes"], change);
    expect([exit, failed.map(({ name, detail }) => `${name}: ${detail}`)]).toEqual([0, []]);
    if (given.member) expect((await readProvisionedState(setup)).members).toContain(given.member);
    expect(await setup.provisionWithReport(["--yes"], change)).toMatchObject({ changed: 0, failed: [] });
  },
);

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
  expect(state.languages["grace@example.test"]).toBe("en, knows Plane");
  expect(state.members).toContain("hermes@crew.test 15 Hermes");
  expect(state.inProject).toContain("grace@example.test");
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
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
