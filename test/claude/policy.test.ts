import { execFileSync } from "node:child_process";
import { expect, test, vi } from "vitest";
import { toDone } from "../runtime/runner/product-rig.ts";
import { hasProgram } from "../support/has-program.ts";
import { CLAUDE, type ClaudeRig, createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const VERSION = CLAUDE && execFileSync(CLAUDE, ["--version"], { encoding: "utf8" }).trim();

const POLICY = { permission_mode: "acceptEdits", allow: ["Bash(git add:*)", "Bash(git commit:*)"] };

const STEPS = [
  ...["permission touch made.txt", "permission git add made.txt", "permission git commit -qm 'feat: made'"],
  ...["permission git show --stat HEAD", "permission cat .env"],
  toDone("It is made"),
];

/** Approves a ticket and, where it has one, its plan, then its result; returns the kinds of all that was asked. */
async function runTicket(rig: ClaudeRig, steps: readonly string[]): Promise<string[]> {
  const { key } = await rig.addTicket(steps);
  const asked = new Map<string, string>();
  const look = async () => {
    for (const request of (await rig.call("/api/requests")).requests) {
      if (!asked.has(request.id) && request.kind === "plan") await rig.decide(request, "approve");
      asked.set(request.id, request.kind);
    }
    return rig.readCompleted(key);
  };
  await look();
  await rig.approve(key);
  await rig.waitFor(look).toMatchObject({ summary: "It is made", state: "completed" });
  await look();
  await rig.update(key);
  await rig.waitFor(look).toMatchObject({ state: "done", commits: [{ subject: "feat: made" }] });
  expect(JSON.stringify(rig.readTranscript(key))).not.toContain("of-the-team");
  return [...asked.values()];
}

const BOXES = hasProgram("bwrap") ? [false, true] : [false];

test.each(BOXES)(`with a good policy a ticket needs two verdicts with ${VERSION} (in a box: %s)`, async (isBoxed) => {
  const rig = await createClaudeRig({ isBoxed, policy: POLICY });
  rig.host.commitFiles({
    ".env": "SECRET=of-the-team",
    ".groundcrew.json": { deny: ["Read(./.env)"], prompt: "Sign off as the team." },
    ".claude/settings.json": { permissions: { ask: ["Bash(git push:*)"] } },
  });
  expect(await runTicket(rig, STEPS)).toEqual(["ticket", "result"]);
});

test(`the rules of a policy come with the approval of a plan with ${VERSION}`, async () => {
  const rig = await createClaudeRig({ policy: { ...POLICY, plan_first: true } });
  rig.host.commitFiles({ "readme.md": "of the team" });
  expect(await runTicket(rig, ["plan Make it", ...STEPS])).toEqual(["ticket", "plan", "result"]);
});
