import { createOpenclawFiles } from "../../functions/provision/openclaw-settings.ts";
import { settingsFileSchema } from "../../shared/config/settings-file.ts";

const AGENTS = [
  { name: "Concierge", email: "concierge@javisi.local", role: "concierge", wake: "openclaw" },
  { name: "Imhotep", email: "imhotep@javisi.local", about: "Builds and tests. Go, SQL.", wake: "openclaw" },
];

const files = createOpenclawFiles(
  {
    agents: settingsFileSchema.parse({ agents: AGENTS }).agents,
    address: "http://127.0.0.1:8787",
    tokens: new Map(AGENTS.map(({ name }) => [name, `<token of ${name}>`])),
    hookToken: "<OPENCLAW_HOOK_TOKEN>",
  },
  undefined,
);

/** The settings file of two agents that OpenClaw wakes. */
export const renderOpenclawAgents = () => renderJson({ agents: AGENTS });

/** OpenClaw's settings for them, as provision writes them. */
export const renderOpenclawConfig = () => renderJson(files.get("openclaw-2026.9.json") ?? {});

/** The same for OpenClaw 2026.2. */
export const renderOldOpenclawConfig = () => renderJson(files.get("openclaw-2026.2.json") ?? {});

const renderJson = (value: object) => `\`\`\`json\n${formatJson(value, "")}\n\`\`\``;

/** JSON whose lists and objects are on one line where they fit; the outermost never. */
function formatJson(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const items = (inner: string) =>
    Array.isArray(value)
      ? value.map((item) => formatJson(item, inner))
      : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${formatJson(item, inner)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{ ", " }"];
  const line = `${open}${items(`${indent}  `).join(", ")}${close}`;
  if (indent !== "" && line.length <= 100 && !line.includes("\n")) return line;
  const lines = items(`${indent}  `).map((item) => `${indent}  ${item}`);
  return `${open.trim()}\n${lines.join(",\n")}\n${indent}${close.trim()}`;
}
