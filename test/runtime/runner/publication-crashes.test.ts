import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { writeScripts } from "../../support/test-folder.ts";
import { createProductRig, type ProductRig, toDone } from "./product-rig.ts";

vi.setConfig({ testTimeout: 300_000 });

/** The steps of a publication in which a program is stopped, before or after what it does. */
const STEPS = ["pushing", "pushed", "opening", "opened", "checking", "merging", "cleaning"] as const;
type Step = (typeof STEPS)[number];
type Plan = Partial<Record<Step, readonly ("groundcrew" | "runner")[]>>;

/** Which processes are killed in which steps. The full run kills each, and both, in each step. */
const VICTIMS = [["groundcrew"], ["runner"], ["groundcrew", "runner"]] as const;
const toPlans = (step: Step) =>
  VICTIMS.map((victims): [string, Plan] => [`${victims.join(" and ")} while ${step}`, { [step]: victims }]);
const ONE_PLAN: Plan = { pushed: ["runner"], opened: ["groundcrew"], merging: ["groundcrew", "runner"] };
const PLANS: [string, Plan][] = IS_FULL_RUN ? STEPS.flatMap(toPlans) : [["one process after the other", ONE_PLAN]];

/**
 * Puts gates into the programs that publish: one that is armed stops the next program that comes to it, once, until it
 * is released. A program that outlives its killed runner goes on, as it does in earnest.
 */
function addGates({ folder, bin }: ProductRig["host"], bare: string) {
  const toPath = (step: Step, state: "armed" | "held") => join(folder, `${step}.${state}`);
  const toGate = (step: Step) =>
    `if mv ${toPath(step, "armed")} ${toPath(step, "held")} 2>/dev/null; then ` +
    `while [ -e ${toPath(step, "held")} ]; do sleep 0.05; done; fi`;
  writeScripts(join(bare, "hooks"), { "pre-receive": toGate("pushing"), "post-receive": toGate("pushed") });
  renameSync(join(bin, "gh"), join(folder, "gh"));
  const gh = [
    `case "$*" in *"/pulls -X POST"*) ${toGate("opening")};; esac`,
    `${join(folder, "gh")} "$@"; status=$?`,
    `case "$*" in *"/pulls -X POST"*) ${toGate("opened")};; */check-runs*) ${toGate("checking")};; *"/pulls/1") ${toGate("merging")};; esac`,
    "exit $status",
  ];
  // Sessions have another path, in which this program is found again.
  const found = `PATH='${process.env["PATH"]}' exec git "$@"`;
  const cleaning = `case " $* " in *" worktree prune "*) ${toGate("cleaning")};; esac`;
  writeScripts(bin, { gh: gh.join("\n"), git: `${cleaning}\n${found}` });
  return {
    arm: (step: Step) => writeFileSync(toPath(step, "armed"), ""),
    isHeld: (step: Step) => existsSync(toPath(step, "held")),
    release: (step: Step) => rmSync(toPath(step, "held")),
  };
}

test.each(PLANS)("a result is published once over kill -9 of %s", async (_name, plan) => {
  const rig = await createProductRig({ isApart: true, publish: "pull-request" });
  const { host } = rig;
  const forge = host.addForge(["gh"]);
  const gates = addGates(host, forge.bare);
  const arm = (...steps: Step[]) => steps.filter((step) => plan[step]).forEach(gates.arm);
  const killIn = async (...steps: Step[]) => {
    for (const step of steps) {
      const victims = plan[step] ?? [];
      if (victims.length === 0) continue;
      await rig.waitFor(() => gates.isHeld(step)).toBe(true);
      for (const victim of victims) await rig.stop(victim, "SIGKILL");
      gates.release(step);
      for (const victim of victims) rig.start(victim);
    }
  };
  const commit = "run echo made > made.txt; git add -A; git commit -qm 'feat: made'";
  const { key, item } = await rig.addTicket([commit, toDone("It is made")]);
  const readCompleted = () => rig.readCompleted(key).catch(() => undefined);
  await rig.approve(key);
  await rig.waitFor(readCompleted).toMatchObject({ state: "completed" });
  await rig.waitFor(() => host.tmux("list-sessions")).toBe("");

  arm("pushing", "pushed", "opening", "opened");
  const updated = rig.update(key).catch(() => undefined);
  await killIn("pushing", "pushed", "opening", "opened");
  await updated;
  const url = "https://git.example.com/onb/app/pulls/1";
  await rig.waitFor(readCompleted).toMatchObject({ state: "done", publication: { state: "open", url } });

  arm("checking");
  const readRequests = async () => (await rig.call("/api/requests").catch(() => undefined))?.requests;
  forge.change({ checks: "failed", log: "expected 1, was 2" });
  await killIn("checking");
  await rig.waitFor(readRequests).toMatchObject([{ kind: "result", answers: ["send_back", "reject"] }]);
  forge.change({ checks: "passed" });
  await rig.waitFor(readRequests).toEqual([]);

  arm("merging", "cleaning");
  forge.close(1, "merged");
  await killIn("merging", "cleaning");
  await rig.waitFor(readCompleted).toMatchObject({ summary: "It is made", publication: { state: "merged" } });
  await rig.waitFor(() => readdirSync(join(host.runnerFolder, "sessions"))).toEqual([]);
  expect(readdirSync(join(host.runnerFolder, "worktrees"))).toEqual([]);
  expect(host.git(["worktree", "list"]).trim().split("\n")).toHaveLength(1);
  expect(host.git(["branch", "--format=%(refname:short)"])).toBe("main\n");

  // The ledgers of the server and of Plane.
  const body = expect.stringContaining("It is made");
  expect(forge.read().pulls).toMatchObject([{ number: 1, state: "merged", body }]);
  expect(host.git(["log", "--format=%s", "groundcrew/onb-1"], forge.bare)).toBe("feat: made\nfirst\n");
  for (const text of [url, "It is made"]) expect(rig.findComments(item, text)).toHaveLength(1);
  expect(rig.readStatus(item)).toBe("Done");
});
