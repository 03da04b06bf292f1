import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test, vi } from "vitest";
import { pickSize } from "../../reliability/random-source.ts";
import { createRunnerRig, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const SECRETS = { GH_TOKEN: "secret-of-gh", GITLAB_TOKEN: "secret-of-glab" };
const COMMIT = "run echo hello > made.txt && git add made.txt && git commit -qm 'feat: made'";

/** Runs ONB-1 to its end, on a runner that publishes it; `publish` has it published, as by the approval of its result. */
async function createPublishRig(
  context: TestContext,
  { programs = ["gh"], publish = "pull-request", steps = [COMMIT, "exit 0"], tickets = {} } = {},
) {
  const rig = await createRunnerRig(context, { tickets, repository: { publish }, env: SECRETS });
  const forge = rig.addForge(programs);
  /** A commit of somebody else, which this machine has not fetched. */
  const commitElsewhere = () => {
    const tree = rig.git(["rev-parse", "main^{tree}"], forge.bare).trim();
    const commit = rig.git(["commit-tree", tree, "-p", "main", "-m", "of somebody else"], forge.bare).trim();
    rig.git(["update-ref", "refs/heads/main", commit], forge.bare);
    return commit;
  };
  const base = commitElsewhere();
  rig.server.set({ sessions: [rig.want("ONB-1", steps)] });
  await rig.waitForState("ONB-1", "ended");
  let tries = 0;
  const publishNow = async () => {
    const id = `try-${++tries}`;
    const [title, body] = ["ONB-1: --title $(touch hacked)", "[ONB-1](https://plane)\n\n`touch hacked`"];
    rig.server.set({ publish: [{ ticket: "ONB-1", run: 1, id, title, body }] });
    await rig.waitFor(() => rig.report("ONB-1")?.publication?.id).toBe(id);
    return rig.report("ONB-1")?.publication;
  };
  const waitForPublication = (fields: object) =>
    rig.waitFor(() => rig.report("ONB-1")?.publication).toMatchObject(fields);
  return { rig, forge, base, publishNow, waitForPublication };
}

const FORGES = [
  ["gh", "pulls/1"],
  ["glab", "-/merge_requests/1"],
  ["tea", "pulls/1"],
] as const;

for (const [program, path] of pickSize<readonly (typeof FORGES)[number][]>(FORGES, FORGES.slice(0, 1)))
  test.concurrent(`with ${program} a result becomes one pull request on the fresh base, whose checks are reported, and which is merged and cleaned`, async (context) => {
    const { expect } = context;
    const { rig, forge, base, publishNow, waitForPublication } = await createPublishRig(context, {
      programs: [program],
    });
    const url = `https://git.example.com/onb/app/${path}`;
    expect(await publishNow()).toEqual({
      id: "try-1",
      state: "open",
      url,
      commit: forge.readBranch("groundcrew/onb-1"),
    });
    expect(rig.git(["log", "--format=%s", "groundcrew/onb-1"], forge.bare)).toBe(
      "feat: made\nof somebody else\nfirst\n",
    );
    expect(rig.git(["merge-base", "main", "groundcrew/onb-1"], forge.bare).trim()).toBe(base);
    expect(forge.read().pulls).toMatchObject([
      { base: "main", title: "ONB-1: --title $(touch hacked)", body: "[ONB-1](https://plane)\n\n`touch hacked`" },
    ]);
    forge.change({ checks: "failed", log: "2026-11-25T16:00:00.000Z \u001b[31mexpected 1, was 2\u001b[0m" });
    await waitForPublication({
      checks: { state: "failed", log: expect.stringMatching(/^(?:\S+Z )?expected 1, was 2$/) },
    });

    // A further round, which has also rewritten its commit.
    const worktree = rig.worktree("ONB-1");
    writeFileSync(join(worktree, "made.txt"), "better");
    rig.git(["commit", "-q", "-a", "--amend", "-m", "feat: made better"], worktree);
    forge.change({ checks: "passed" });
    expect(await publishNow()).toMatchObject({ state: "open", url, commit: forge.readBranch("groundcrew/onb-1") });
    expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-1"], forge.bare)).toBe("feat: made better\n");
    expect(forge.read().pulls).toHaveLength(1);
    await waitForPublication({ checks: { state: "passed", failed: [] } });

    rig.server.set({ remove: [{ ticket: "ONB-1", run: 1, force: false }] });
    await rig
      .waitFor(() => readFileSync(rig.sessionFile("ONB-1", "record.json"), "utf8"))
      .toContain('"removable":true');
    forge.close(1, "merged");
    await waitForPublication({ state: "merged" });
    expect(existsSync(worktree)).toBe(true);
    rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "updated" }] });
    await rig.waitFor(() => existsSync(worktree)).toBe(false);
    await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).toBe("main\n");
    expect(rig.server.problems).toEqual([]);
  });

test.concurrent("what a server or its command refuses is said in its own words, and tried again at the next wish", async (context) => {
  const { expect } = context;
  const { rig, forge, publishNow, waitForPublication } = await createPublishRig(context);
  const hook = join(forge.bare, "hooks", "pre-receive");
  writeFileSync(hook, "#!/bin/sh\necho 'error: GH006: Protected branch update failed.'\nexit 1\n", { mode: 0o755 });
  expect((await publishNow())?.problem).toMatch(
    /^git push: error: GH006: Protected branch update failed\.; .*pre-receive hook declined/,
  );
  rmSync(hook);
  forge.change({ isSignedIn: false });
  expect((await publishNow())?.problem).toBe(
    "No pull request at git.example.com: gh is not signed in at git.example.com. Sign in as the runner's user, then try again.",
  );
  const message = "Resource not accessible by personal access token";
  forge.change({ isSignedIn: true, refusal: { status: 403, message } });
  expect((await publishNow())?.problem).toBe(`gh: gh: ${message} (HTTP 403): ${message}`);
  const errors = [{ message: "No commits between main and groundcrew/onb-1" }];
  forge.change({ refusal: { status: 422, message: "Validation Failed", errors } });
  expect((await publishNow())?.problem).toContain("Validation Failed: No commits between main and groundcrew/onb-1");
  forge.change({ refusal: undefined, checks: "pending" });
  expect(await publishNow()).toMatchObject({ state: "open" });
  await waitForPublication({ checks: { state: "pending", failed: [] } });

  // Somebody has pushed to the branch of the ticket meanwhile, and that is not replaced.
  const tree = rig.git(["rev-parse", "main^{tree}"], forge.bare).trim();
  const theirs = rig.git(["commit-tree", tree, "-p", "groundcrew/onb-1", "-m", "theirs"], forge.bare).trim();
  rig.git(["update-ref", "refs/heads/groundcrew/onb-1", theirs], forge.bare);
  writeFileSync(join(rig.worktree("ONB-1"), "made.txt"), "other");
  rig.git(["commit", "-qam", "other"], rig.worktree("ONB-1"));
  expect(await publishNow()).toMatchObject({ state: "open", problem: expect.stringContaining("[rejected]") });
  expect(forge.readBranch("groundcrew/onb-1")).toBe(theirs);

  rig.git(["update-ref", "refs/heads/groundcrew/onb-1", "groundcrew/onb-1~"], forge.bare);
  forge.close(1, "closed");
  await waitForPublication({ state: "closed" });
  expect(await publishNow()).toMatchObject({ state: "open", url: expect.stringContaining("pulls/2") });
});

test.concurrent("a branch is only pushed where no pull request is wanted, one without commits not at all, and a session has no credentials", async (context) => {
  const { expect } = context;
  const { rig, forge, publishNow } = await createPublishRig(context, {
    publish: "push",
    programs: [],
    steps: ["run env > $HOME/env.txt", "exit 0"],
    tickets: WITHOUT_BOX,
  });
  expect(await publishNow()).toMatchObject({ state: "nothing" });
  writeFileSync(join(rig.worktree("ONB-1"), "made.txt"), "made");
  rig.git(["add", "-A"], rig.worktree("ONB-1"));
  rig.git(["commit", "-qm", "feat: made"], rig.worktree("ONB-1"));
  expect(await publishNow()).toEqual({ id: "try-2", state: "pushed", commit: forge.readBranch("groundcrew/onb-1") });
  const env = readFileSync(join(rig.home, "env.txt"), "utf8");
  for (const secret of Object.values(SECRETS)) expect(env).not.toContain(secret);
});

test.concurrent("a start fails with git's words where the base cannot be fetched", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context, { repository: { publish: "push" } });
  rig.addForge([]);
  rmSync(join(rig.folder, "bare.git"), { recursive: true });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject({
    reason: "start_failed",
    text: expect.stringMatching(/^git ls-remote: .*bare\.git.* does not appear to be a git repository/),
  });
});
