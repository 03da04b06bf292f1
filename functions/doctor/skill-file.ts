import { SKILL_NAME } from "./skill-verdict.ts";

/** The skill's file as this machine can read it. */
export interface SkillFile {
  path: string;
  /** Whether OpenClaw's state folder exists. */
  hasHome: boolean;
  /** Undefined when the file is missing or cannot be read. */
  text: string | undefined;
}

/** The reason why OpenClaw would ignore this file; undefined when it would load it. */
export function findSkillFault(text: string): string | undefined {
  const [, frontMatter] = /^---\r?\n(.*?)\r?\n---\r?(?:\n|$)/s.exec(text) ?? [];
  if (frontMatter === undefined) return "it does not begin with front matter between two `---` lines";
  const fields = new Map(
    frontMatter.split(/\r?\n/).flatMap((line) => {
      const [, name, value = ""] = /^([\w-]+):(?:\s+(.*))?$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value.trim()] as const];
    }),
  );
  const name = unquote(fields.get("name") ?? "");
  if (name !== SKILL_NAME)
    return name === "" ? "it has no name" : `it is named "${name.slice(0, 40)}", not ${SKILL_NAME}`;
  const description = fields.get("description") ?? "";
  if (unquote(description) === "") return "it has no description";
  if (unquote(description) === description && /:(?:\s|$)/.test(description))
    return "its description contains an unquoted colon followed by a space, which OpenClaw 2026.2 cannot parse";
  return undefined;
}

/** Whether this is the shipped skill; the address that provision fills in may differ. */
export function isShippedSkill(text: string, shipped: string): boolean {
  return normalizeSkill(text) === normalizeSkill(shipped);
}

function normalizeSkill(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\$\{GROUNDCREW_URL:-[^}\s]*\}/g, () => "$GROUNDCREW_URL")
    .trim();
}

function unquote(value: string): string {
  const [, , inside] = /^(["'])(.*)\1$/.exec(value) ?? [];
  return inside ?? value;
}
