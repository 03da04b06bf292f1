import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { hasProgram } from "../support/has-program.ts";
import { CLAUDE, type ClaudeRig, createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const VERSION = CLAUDE && execFileSync(CLAUDE, ["--version"], { encoding: "utf8" }).trim();

const POLICY = { permission_mode: "acceptEdits", allow: ["Bash(git add:*)", "Bash(git commit:*)"] };

const STEPS = [
  ...["permission touch made.txt", "permission git add made.txt", "permission git commit -qm 'feat: made'"],
  ...["permission git show --stat HEAD", "permission cat .env"],
  `call update_task_status ${JSON.stringify({ task: "ONB-1", status: "done", text: "It is made" })}`,
];

/** Commits files on the base branch. */
function commitFiles(rig: ClaudeRig, files: Record<string, object | string>) {
  for (const [name, content] of Object.entries(files)) {
    const path = join(rig.host.repository, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  rig.host.git(["add", "-A"]);
  rig.host.git(["commit", "-q", "-m", "policy"]);
}

/** Approves a ticket and, where it has one, its plan, then its result; returns the kinds of all that was asked. */
async function runTicket(rig: ClaudeRig, steps: readonly string[]): Promise<string[]> {
  const { key } = await rig.addTicket(steps);
  const asked = new Map<string, string>();
  const look = async () => {
    for (const { id, kind, hash } of (await rig.call("/api/requests")).requests) {
      if (!asked.has(id) && kind === "plan") await rig.call(`/api/requests/${id}`, "POST", { answer: "approve", hash });
      asked.set(id, kind);
    }
    return rig.readCompleted(key);
  };
  await look();
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(look).toMatchObject({ summary: "It is made", state: "completed" });
  await look();
  await rig.call(`/api/update-plane/${key}`, "POST", {});
  await rig.waitFor(look).toMatchObject({ state: "done", commits: [{ subject: "feat: made" }] });
  expect(JSON.stringify(rig.readTranscript(key))).not.toContain("of-the-team");
  return [...asked.values()];
}

const BOXES = hasProgram("bwrap") ? [false, true] : [false];

test.each(BOXES)(`with a good policy a ticket needs two verdicts with ${VERSION} (in a box: %s)`, async (isBoxed) => {
  const rig = await createClaudeRig({ isBoxed, policy: POLICY });
  commitFiles(rig, {
    ".env": "SECRET=of-the-team",
    ".groundcrew.json": { deny: ["Read(./.env)"], prompt: "Sign off as the team." },
    ".claude/settings.json": { permissions: { ask: ["Bash(git push:*)"] } },
  });
  expect(await runTicket(rig, STEPS)).toEqual(["ticket", "result"]);
});

test(`the rules of a policy come with the approval of a plan with ${VERSION}`, async () => {
  const rig = await createClaudeRig({ policy: { ...POLICY, plan_first: true } });
  commitFiles(rig, { "readme.md": "of the team" });
  expect(await runTicket(rig, ["plan Make it", ...STEPS])).toEqual(["ticket", "plan", "result"]);
});
