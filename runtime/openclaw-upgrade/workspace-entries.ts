import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import type { Finding } from "./finding.ts";

/** A file or folder of a workspace. */
export interface WorkspaceEntry {
  /** `uid:gid` */
  owner: string;
  mode: number;
  kind: string;
  path: string;
}

/** Format for GNU find's `-printf` that `parseWorkspaceEntries` reads; paths may contain anything but NUL. */
export const FIND_FORMAT = "%U:%G %m %y %p\\0";

/** Limit of names in a finding. */
const MAX_NAMES = 5;

/** Parses the output of `find … -printf FIND_FORMAT`. Throws for anything else. */
export function parseWorkspaceEntries(output: string): WorkspaceEntry[] {
  if (output !== "" && !output.endsWith("\0")) throw new Error("the list of the workspace was cut off");
  return output
    .split("\0")
    .slice(0, -1)
    .map((line) => {
      const [, owner, mode, kind, path] = /^(\d+:\d+) ([0-7]{1,4}) (\w) ([\s\S]+)$/.exec(line) ?? [];
      if (!owner || !mode || !kind || !path) throw new Error("the list of the workspace cannot be read");
      return { owner, mode: Number.parseInt(mode, 8), kind, path };
    });
}

/** Checks that the workspaces belong to OpenClaw's user, who can use them, and that not everyone can write there. */
export function checkWorkspace(entries: readonly WorkspaceEntry[], owner: string): Finding {
  const real = entries.filter(({ kind }) => kind !== "l");
  const describe = (problem: string, bad: readonly WorkspaceEntry[]) =>
    `${problem}: ${bad
      .slice(0, MAX_NAMES)
      .map(({ path }) => cleanLine(path, 100))
      .join(", ")}${bad.length > MAX_NAMES ? ` and ${bad.length - MAX_NAMES} more` : ""}`;
  const foreign = real.filter((entry) => entry.owner !== owner);
  if (foreign.length > 0)
    return reportFailure("workspace", describe(`not owned by ${owner}`, foreign), `Run \`chown -R ${owner}\` there.`);
  const closed = real.filter(({ kind, mode }) => kind === "d" && (mode & 0o700) !== 0o700);
  if (closed.length > 0)
    return reportFailure("workspace", describe("its owner cannot use", closed), "Run `chmod u+rwx` there.");
  const open = real.filter(({ mode }) => (mode & 0o002) !== 0 && (mode & 0o1000) === 0);
  if (open.length > 0)
    return reportWarning("workspace", describe("everyone can write", open), "Run `chmod o-w` there.");
  return reportOk("workspace", `${real.length} files and folders of ${owner}`);
}
