import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { HOUR } from "../../../shared/time.ts";
import { createFakeClock, hasFakeClock } from "../../support/fake-clock.ts";
import { createProductRig, type ProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const IS_FULL_RUN = Boolean(process.env["FULL"]);
const VICTIMS = ["groundcrew", "runner", "tmux"] as const;
type Victim = (typeof VICTIMS)[number];
/** The steps of a ticket, after each of which a part is killed. */
type Step = "pending" | "approved" | "asked" | "allowed" | "completed" | "updating";

/** Which parts are killed at each step. The full run kills every part at every step, one part in each flow. */
const PLANS: [string, Record<Step, readonly Victim[]>][] = IS_FULL_RUN
  ? VICTIMS.map((victim) => [`${victim} at every step`, killAtEachStep(victim)])
  : [
      [
        "one part after the other",
        {
          pending: ["groundcrew"],
          approved: ["runner"],
          asked: ["tmux"],
          allowed: ["groundcrew"],
          completed: ["runner", "tmux"],
          updating: ["groundcrew", "runner"],
        },
      ],
    ];

function killAtEachStep(victim: Victim): Record<Step, readonly Victim[]> {
  const kills = [victim];
  return { pending: kills, approved: kills, asked: kills, allowed: kills, completed: kills, updating: kills };
}

const SUMMARY = { task: "ONB-1", status: "done", text: "All is done" };
const TICKET = [
  "permission echo allowed >> $HOME/allowed.txt; echo made > made.txt; git add -A; git commit -qm 'feat: made'",
  `call update_task_status ${JSON.stringify(SUMMARY)}`,
];

/** Allows what the session asks until the command has run. */
async function allowUntilDone(rig: ProductRig, key: string): Promise<void> {
  const allow = async () => {
    const session = await rig.readSession(key).catch(() => undefined);
    const open = (session?.questions ?? []).filter(
      ({ kind, answer }: { kind: string; answer?: string }) => kind === "permission" && answer === undefined,
    );
    for (const { id } of open)
      await rig.call(`/api/sessions/${key}/answer`, "POST", { question: id, answer: "allow" }).catch(() => undefined);
    return existsSync(join(rig.host.home, "allowed.txt"));
  };
  await rig.waitFor(allow, 120_000).toBe(true);
}

test.each(PLANS)("a ticket over kill -9 of %s reaches Plane as one comment", async (_name, victims) => {
  const rig = await createProductRig({ isApart: true });
  const kill = async (step: Step) => {
    for (const victim of victims[step]) await (victim === "tmux" ? rig.killTmux() : rig.restart(victim));
  };

  const { key, item } = await rig.addTicket(TICKET);
  await kill("pending");
  const approve = () => rig.call(`/api/approve/${key}`, "POST", {}).catch(() => undefined);
  await rig.waitFor(approve).toMatchObject({ ticket_id: key });
  await kill("approved");
  const readQuestions = async () => (await rig.readSession(key).catch(() => undefined))?.questions;
  await rig.waitFor(readQuestions, 120_000).toMatchObject([{ kind: "permission" }]);
  await kill("asked");
  await allowUntilDone(rig, key);
  await kill("allowed");
  await rig.waitFor(() => rig.readCompleted(key).catch(() => undefined), 120_000).toMatchObject({ state: "completed" });
  await kill("completed");
  const update = () => rig.call(`/api/update-plane/${key}`, "POST", {}).catch(() => undefined);
  const interrupted = update();
  await kill("updating");
  await interrupted;
  await rig.waitFor(update, 120_000).toMatchObject({ status: "updated", comment_posted: true, state_updated: true });

  expect(rig.findComments(item, "All is done")).toHaveLength(1);
  expect(rig.host.readHome("allowed.txt")).toBe("allowed\n");
  expect(rig.readStatus(item)).toBe("Done");
  await rig.waitFor(() => rig.host.tmux("list-sessions"), 120_000).toBe("");
});

test.skipIf(!hasFakeClock())("a runner that is away for an hour loses nothing of what happened meanwhile", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = createFakeClock(folder);
  const rig = await createProductRig({ isApart: true, env: clock.env, tickets: { minutes: 120 } });
  const steps = ["run git commit -q --allow-empty -m done", "run printf 'Done alone' > $GROUNDCREW_COMPLETION_FILE"];
  const { key } = await rig.addTicket(["permission true", ...steps]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  await rig.waitFor(async () => (await rig.readSession(key))?.questions).toMatchObject([{ kind: "permission" }]);
  await rig.waitFor(() => rig.readSession(key)).toMatchObject({ started_at: expect.any(String) });
  const { started_at } = await rig.readSession(key);

  await rig.stop("runner", "SIGKILL");
  await rig.stop("groundcrew", "SIGKILL");
  // A running process does not believe a jump of the clock; one that starts finds that an hour has passed.
  clock.set(HOUR);
  rig.start("groundcrew");
  await rig.waitFor(async () => (await rig.call("/health").catch(() => ({}))).tmux_service).toBe(false);
  // Somebody decides in the terminal; the session goes on to its end without the runner.
  rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "1");
  const readBranch = () => rig.host.git(["log", "--format=%s", "groundcrew/onb-1"]);
  await rig.waitFor(readBranch).toBe("done\nfirst\n");
  expect(await rig.readSession(key)).toMatchObject({ started_at, state: expect.stringMatching(/running|waiting/) });
  rig.start("runner");
  await rig
    .waitFor(() => rig.readCompleted(key), 120_000)
    .toMatchObject({
      ...{ state: "completed", summary: "Done alone", source: "file" },
      commits: [{ subject: "done" }],
    });
});
