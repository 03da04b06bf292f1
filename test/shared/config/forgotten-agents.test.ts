import { expect, test } from "vitest";
import { parseSettings } from "../../../shared/config/settings.ts";

const TEAM = JSON.stringify({ agents: [{ name: "Imhotep", email: "imhotep@javisi.local" }] });

/** The warnings about agents, with these files and crew.json as the settings file. */
function findAgentWarnings(texts: Record<string, string>, env: Record<string, string> = {}): string[] {
  const files = new Map(Object.entries({ "data/secrets.json": '{"PLANE_API_KEY": "plane_api_1"}', ...texts }));
  const plane = { PLANE_URL: "https://plane.example.com", PLANE_WORKSPACE: "javisi" };
  const read = (path: string) => {
    const text = files.get(path);
    return text === undefined ? undefined : { text, mode: 0o600 };
  };
  const parsed = parseSettings({ ...plane, GROUNDCREW_CONFIG: "crew.json", ...env }, { read });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.warnings.filter((text) => text.includes('"agents"'));
}

test.each(["data/groundcrew.json", "crew.json.agents"])(
  "a settings file without agents is reported together with %s, in which provision wrote a team",
  (written) => {
    const [warning, ...others] = findAgentWarnings({ "crew.json": '{"mirror": "agents"}', [written]: TEAM });
    expect(others).toEqual([]);
    expect(warning).toMatch(/^crew\.json .*has no "agents"/);
    expect(warning).toContain(`but ${written}, which provision wrote, has 1: copy "agents" from there to crew.json`);
  },
);
