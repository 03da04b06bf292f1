import { expect, test } from "vitest";
import { runAgents } from "../../../runtime/provision/agents-command.ts";
import { createProvisionSetup, type ProvisionSetup } from "./provision-setup.ts";

const ADD = ["add", "Anubis", "--email", "anubis@javisi.local"];

/** A provisioned team, and the command `groundcrew agents` for it. */
async function createTeam() {
  const setup = await createProvisionSetup({ env: { OPENCLAW_URL: "http://openclaw:18789" } });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  return {
    setup,
    readConfig: () => JSON.parse(setup.files.get("groundcrew.json")?.text ?? "{}"),
    readOpenclaw: () => JSON.parse(setup.files.get("data/openclaw/openclaw-2026.9.json")?.text ?? "{}"),
    run: (args: readonly string[], change: Parameters<ProvisionSetup["provision"]>[1] = {}) =>
      setup.provision(args, change, runAgents),
  };
}

test("AUTH-03 one command adds an agent with account, projects, key, token, settings and its profile in OpenClaw; another one removes it", async () => {
  const { setup, run, readConfig, readOpenclaw } = await createTeam();
  const added = await run([...ADD, "--openclaw", "--about", "Weighs hearts.", "--yes"]);
  expect(added).toMatchObject({ exit: 0, err: expect.not.stringContaining("failed") });
  expect(readConfig().agents.at(-1)).toEqual({
    ...{ name: "Anubis", email: "anubis@javisi.local", about: "Weighs hearts.", wake: "openclaw" },
  });
  const token = setup.files.get("data/agents/anubis/token")?.text.trim() ?? "";
  expect(readOpenclaw().mcp.servers["groundcrew-anubis"].headers.Authorization).toBe(`Bearer ${token}`);
  expect(readOpenclaw().hooks.allowedAgentIds).toContain("anubis");
  expect(setup.readSecrets()).toMatchObject({
    PLANE_API_KEY_ANUBIS: expect.stringMatching(/^plane_api_/),
    AGENT_TOKEN_ANUBIS: expect.stringMatching(/^sha256:/),
  });
  // Nothing is left to do, for this command and for provision.
  expect((await run([...ADD, "--json", "--yes"])).out).toContain('"changed":0');
  const again = await setup.provisionWithReport();
  expect(again.steps.filter(({ status }) => status !== "unchanged")).toEqual([]);

  // Its removal revokes what was made, and names the open tasks, which stay assigned.
  const asked: string[] = [];
  const fetchTasks: typeof fetch = async (input, init) => {
    if (!String(input).endsWith("/agent/list_tasks")) return fetch(input, init);
    asked.push(String(init?.body));
    return Response.json({ tasks: [{ key: "ONB-4", title: "Weigh it" }] });
  };
  const { exit, out } = await run(["remove", "anubis", "--yes"], { fetch: fetchTasks });
  expect(exit).toBe(0);
  expect(asked[0]).toBe('{"agent":"Anubis","status":"open"}');
  expect(out).toContain("1 stay assigned in Plane, for others to take: ONB-4 Weigh it");
  expect(readConfig().agents.map(({ name }: { name: string }) => name)).toEqual(["Concierge", "Imhotep", "Thot"]);
  expect(JSON.stringify(readOpenclaw())).not.toMatch(/anubis/i);
  expect(Object.keys(setup.readSecrets()).filter((name) => name.includes("ANUBIS"))).toEqual([]);
  expect(setup.files.get("data/agents/anubis/token")?.text).toBe("");
  expect([...setup.files.values()].some(({ text }) => text.includes(token))).toBe(false);
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
  // Its account has left the workspace, and comes back with the agent.
  const listMembers = () => setup.plane.projects().flatMap((project) => setup.plane.projectMembers(project));
  expect(listMembers()).not.toContain("anubis@javisi.local 15");
  expect((await run([...ADD, "--openclaw", "--yes"])).exit).toBe(0);
  expect(listMembers()).toContain("anubis@javisi.local 15");
});

const REFUSED: [string[], string][] = [
  [["add", "thot", "--email", "t@javisi.local"], "Thot exists already"],
  [["add", "T", "--email", "thot@javisi.local"], "setting is invalid"],
  [[...ADD, "--openclaw", "--webhook", "https://a.example"], "cannot be combined"],
  [[...ADD, "--emial", "x"], "Did you mean --email?"],
  [["add", "Anubis"], "needs --email"],
  [["remove", "Osiris"], "no agent of groundcrew.json is called Osiris"],
  [["remove", "Concierge"], "is the only Concierge"],
  [["list"], "add or remove"],
];

test("groundcrew agents refuses what cannot be, and changes nothing", async () => {
  const { setup, run } = await createTeam();
  const before = new Map(setup.files);
  for (const [args, reason] of REFUSED) {
    const { exit, err } = await run([...args, "--yes"]);
    expect.soft([2, 78], args.join(" ")).toContain(exit);
    expect.soft(err).toContain(reason);
  }
  expect(new Map(setup.files)).toEqual(before);
});
