import { expect, test } from "vitest";
import { parseBlockedByText } from "../../../shared/sync/dependency-edges.ts";
import { createProvisionSetup, type ProvisionSetup, TEAM_AGENTS } from "./provision-setup.ts";
import { readFirstProject, readProvisionedState } from "./provisioned-state.ts";

type Fetch = typeof globalThis.fetch;
type Fault = Parameters<ProvisionSetup["plane"]["faults"]["add"]>;

interface Variant {
  options?: NonNullable<Parameters<typeof createProvisionSetup>[0]>;
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

const VARIANTS: Record<string, Variant> = {
  "behind a proxy that shows an error page because Plane is starting": {
    faults: [answerFirst(404, "<html>Not here yet</html>", 30), answerFirst(502, "<html>Not here yet</html>", 30)],
  },
  "that asks to wait": {
    faults: [[{ path: "/invitations/" }, { kind: "rate limited", retryAfter: 30 }, 2]],
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
