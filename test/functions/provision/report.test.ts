import { expect, test } from "vitest";
import { createProvisionSetup } from "./provision-setup.ts";

test("the plan names the settings in use, among them the language of the sample tasks, before anything is created", async () => {
  const setup = await createProvisionSetup({ config: false, env: { LOCALE: "" } });
  const { out } = await setup.provision(["--dry-run"]);
  for (const line of [
    "  uses    language fr for accounts of people, sample tasks and default personas (provision.language)",
    "  uses    language auto for messages and comments (LOCALE)",
    "  uses    time zone UTC (provision.timezone), first project Onboarding (ONB) (provision.project)",
    "  uses    address https://crew.example.com (HOST, PORT or PUBLIC_URL)",
  ])
    expect(out.split("\n")).toContain(line);
  expect(out).toContain("agents: Concierge <concierge@javisi.local>, Imhotep <imhotep@javisi.local>");
  const json = JSON.parse((await setup.provision(["--dry-run", "--json"])).out);
  expect(json.settings).toMatchObject({ "provision.language": "fr", LOCALE: "auto", "provision.timezone": "UTC" });
});

test("the result starts from the tokens that provision created: paths of their files, and no secret", async () => {
  const setup = await createProvisionSetup();
  const { out, err } = await setup.provision();
  expect(out).toContain(
    "Start Groundcrew with `npm start`, also in a new shell: its settings are in data/connection.env.",
  );
  expect(out).toContain("OpenClaw: data/openclaw/openclaw-2026.9.json or data/openclaw/openclaw-2026.2.json");
  expect(out).toContain(
    'Claude Code, as Imhotep: claude mcp add --transport http groundcrew https://crew.example.com/mcp --header "Authorization: Bearer $(cat data/agents/imhotep/token)"',
  );
  expect(setup.files.get("data/agents/imhotep/token")?.text).toMatch(/marked-Secret/);
  expect(out + err).not.toMatch(/marked-Secret/);
});

test("the printed command is quoted for the shell, and names an agent whose token provision has", async () => {
  const env = { SECRETS_FILE: "my data/secrets.json", AGENT_TOKEN_IMHOTEP: "given-by-the-operator" };
  const setup = await createProvisionSetup({ env });
  expect((await setup.provision()).out).toContain(
    `Claude Code, as Thot: claude mcp add --transport http groundcrew https://crew.example.com/mcp --header "Authorization: Bearer $(cat 'my data/agents/thot/token')"`,
  );
});
