import { SKILL } from "./skill-said.ts";

/** The skill's file as far as it can be seen from here. */
export interface SkillFile {
  path: string;
  /** Whether OpenClaw's own folder is there. */
  home: boolean;
  /** Undefined: not there, or not ours to read. */
  text: string | undefined;
}

/** Why OpenClaw would leave this file out; undefined when it would take it. */
export function faultOf(text: string): string | undefined {
  const [, matter] = /^---\r?\n(.*?)\r?\n---\r?(?:\n|$)/s.exec(text) ?? [];
  if (matter === undefined) return "it does not begin with front matter between two lines ---";
  const fields = new Map(
    matter.split(/\r?\n/).flatMap((line) => {
      const [, name, value = ""] = /^([\w-]+):(?:\s+(.*))?$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value.trim()] as const];
    }),
  );
  const name = unquoted(fields.get("name") ?? "");
  if (name !== SKILL) return name === "" ? "it has no name" : `it is named "${name.slice(0, 40)}", not ${SKILL}`;
  const description = fields.get("description") ?? "";
  if (unquoted(description) === "") return "it has no description";
  if (unquoted(description) === description && /:(?:\s|$)/.test(description))
    return "its description holds a colon and a blank without quotes around it, which OpenClaw 2026.2 does not read";
  return undefined;
}

/** Whether this is the skill as it is shipped, with whatever address provision has filled in. */
export function isShipped(text: string, shipped: string): boolean {
  return plain(text) === plain(shipped);
}

function plain(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\$\{GROUNDCREW_URL:-[^}\s]*\}/g, () => "$GROUNDCREW_URL")
    .trim();
}

function unquoted(value: string): string {
  const [, , inside] = /^(["'])(.*)\1$/.exec(value) ?? [];
  return inside ?? value;
}
