import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { findSessionProcesses } from "../../runtime/runner/session-processes.ts";
import { toDone } from "../runtime/runner/product-rig.ts";
import { createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 1_800_000 });

/** Timeout for ten sessions at once on one or two processors: 10 min. */
const TIMEOUT_MS = 600_000;
const KEYS = Array.from({ length: 10 }, (_, i) => `ONB-${i + 1}`);

test("ten tickets at once become ten pull requests: none is lost or done twice, and after the merge nothing is left", async () => {
  const rig = await createClaudeRig({
    ...{ isApart: true, publish: "pull-request", tickets: { max_sessions: KEYS.length } },
  });
  const forge = rig.host.addForge(["gh"]);
  // Rules of a person, so that nobody has to allow ten commands.
  mkdirSync(join(rig.host.home, ".claude"), { recursive: true });
  writeFileSync(join(rig.host.home, ".claude", "settings.json"), JSON.stringify({ permissions: { allow: ["Bash"] } }));
  const items = [];
  for (const key of KEYS) {
    const commit = `echo ${key} >> $HOME/runs.txt && echo ${key} > ${key}.txt && git add -A && git commit -qm 'feat: ${key}'`;
    const { item } = await rig.addTicket([`run ${commit}`, toDone(`Made ${key}`)]);
    items.push(item);
  }
  await Promise.all(KEYS.map(rig.approve));
  const readAll = (state: string) => async () => {
    const results = await Promise.all(KEYS.map((key) => rig.readCompleted(key)));
    return results.map((result) => (result?.state === state ? result.summary : undefined));
  };
  const summaries = KEYS.map((key) => `Made ${key}`);
  await rig.waitFor(readAll("completed"), TIMEOUT_MS).toEqual(summaries);
  const ids = KEYS.map((key) => rig.readRecord(key).session_id);
  console.info("seconds from the approval to the session:", await readStartTimes());

  await Promise.all(KEYS.map(rig.update));
  await rig.waitFor(readAll("done"), TIMEOUT_MS).toEqual(summaries);
  const { pulls } = forge.read();
  expect(pulls.map(({ branch }) => branch).sort()).toEqual(KEYS.map((key) => `groundcrew/${key.toLowerCase()}`).sort());
  for (const { number } of pulls) forge.close(number, "merged");
  const readWorktrees = () => readdirSync(join(rig.host.runnerFolder, "worktrees"));
  await rig.waitFor(readWorktrees, TIMEOUT_MS).toEqual([]);
  await rig.waitFor(() => rig.host.git(["branch", "--format=%(refname:short)"]), TIMEOUT_MS).toBe("main\n");

  // Each command ran once, each result is in Plane once, and no process of a session is left.
  expect(rig.host.readHome("runs.txt").trim().split("\n").sort()).toEqual([...KEYS].sort());
  for (const [i, item] of items.entries()) expect(rig.findComments(item, `Made ${KEYS[i]}`)).toHaveLength(1);
  expect(rig.host.tmux("list-sessions")).toBe("");
  expect(ids.flatMap((id) => findSessionProcesses(id))).toEqual([]);

  async function readStartTimes() {
    const times = KEYS.map(async (key) => {
      const { rounds } = await rig.call(`/api/tickets/${key}`);
      const started = rig.readOutput().match(new RegExp(`"time":"([^"]+)"[^}]*"session started","ticket":"${key}"`));
      return started?.[1] ? (Date.parse(started[1]) - Date.parse(rounds[0].at)) / 1000 : undefined;
    });
    return (await Promise.all(times)).join(", ");
  }
});
