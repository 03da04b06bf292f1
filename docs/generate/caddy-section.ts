import { globSync, readFileSync } from "node:fs";
import { renderCode, renderTable } from "./markdown.ts";

/** The variables of Caddy's files: their defaults there, and their meanings from the comments of caddy/Caddyfile. */
export function renderCaddyVariables(): string {
  const text = globSync("caddy/*").map((path) => readFileSync(path, "utf8"));
  const variables = new Map(
    [...text.join("\n").matchAll(/\{\$(\w+)(?::([^}\n]*))?\}/g)].map(([, name = "", value = ""]) => [name, value]),
  );
  const meanings = [...text.join("\n").matchAll(/^# {3}(\w+) +(.+)$/gm)].map(([, name = "", text = ""]) => [
    name,
    text,
  ]);
  const explained = meanings.map(([name]) => name).sort();
  if (explained.join() !== [...variables.keys()].sort().join())
    throw new Error("The comment at the beginning of caddy/Caddyfile must explain exactly the variables of caddy/.");
  const rows = meanings.map(([name = "", meaning = ""]) => [
    renderCode(name),
    renderCode(variables.get(name) ?? ""),
    meaning,
  ]);
  return renderTable(["Variable", "Default", "Meaning"], rows);
}
