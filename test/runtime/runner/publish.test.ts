import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test, vi } from "vitest";
import { pickSize } from "../../reliability/random-source.ts";
import { createRunnerRig, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const SECRETS = { GH_TOKEN: "secret-of-gh", GITLAB_TOKEN: "secret-of-glab" };
const COMMIT = "run echo hello > made.txt && git add made.txt && git commit -qm 'feat: made'";
const BRANCH = "groundcrew/onb-1";
const TITLE = "ONB-1: --title $(touch hacked)";
const BODY = "[ONB-1](https://plane)\n\n`touch hacked`";

/** Runs ONB-1 to its end, on a runner that publishes it; `publish` has it published, as by the approval of its result. */
async function createPublishRig(
  context: TestContext,
  { programs = ["gh"], publish = "pull-request", steps = [COMMIT, "exit 0"], tickets = {} } = {},
) {
  const rig = await createRunnerRig(context, { tickets, repository: { publish }, env: SECRETS });
  const forge = rig.addForge(programs);
  const worktree = rig.worktree("ONB-1");
  /** A commit of somebody else on the server, which this machine has not fetched. */
  const commitElsewhere = (branch: string) => {
    const tree = rig.git(["rev-parse", "main^{tree}"], forge.bare).trim();
    const commit = rig.git(["commit-tree", tree, "-p", branch, "-m", "of somebody else"], forge.bare).trim();
    rig.git(["update-ref", `refs/heads/${branch}`, commit], forge.bare);
    return commit;
  };
  const base = commitElsewhere("main");
  rig.run("ONB-1", steps);
  await rig.waitForState("ONB-1", "ended");
  const readPublication = () => rig.report("ONB-1")?.publication;
  let tries = 0;
  const publishNow = async () => {
    const id = `try-${++tries}`;
    rig.set({ publish: [{ ticket: "ONB-1", run: 1, id, title: TITLE, body: BODY }] });
    await rig.waitFor(() => readPublication()?.id).toBe(id);
    return readPublication();
  };
  const waitForPublication = (fields: object) => rig.waitFor(readPublication).toMatchObject(fields);
  return { ...rig, forge, worktree, base, commitElsewhere, publishNow, waitForPublication };
}

const FORGES = [
  ["gh", "pulls/1"],
  ["glab", "-/merge_requests/1"],
  ["tea", "pulls/1"],
] as const;

for (const [program, path] of pickSize<readonly (typeof FORGES)[number][]>(FORGES, FORGES.slice(0, 1)))
  test.concurrent(`with ${program} a result becomes one pull request on the fresh base, whose checks are reported, and which is merged and cleaned`, async (context) => {
    const { expect, forge, worktree, publishNow, waitForPublication, ...rig } = await createPublishRig(context, {
      programs: [program],
    });
    const url = `https://git.example.com/onb/app/${path}`;
    expect(await publishNow()).toEqual({ id: "try-1", state: "open", url, commit: forge.readBranch(BRANCH) });
    const readLog = () => rig.git(["log", "--format=%s", BRANCH], forge.bare);
    expect(readLog()).toBe("feat: made\nof somebody else\nfirst\n");
    expect(rig.git(["merge-base", "main", BRANCH], forge.bare).trim()).toBe(rig.base);
    expect(forge.read().pulls).toMatchObject([{ base: "main", title: TITLE, body: BODY }]);
    forge.change({ checks: "failed", log: "2026-11-25T16:00:00.000Z \u001b[31mexpected 1, was 2\u001b[0m" });
    const log = expect.stringMatching(/^(?:\S+Z )?expected 1, was 2$/);
    await waitForPublication({ checks: { state: "failed", log } });

    // A further round, which has also rewritten its commit.
    writeFileSync(join(worktree, "made.txt"), "better");
    rig.git(["commit", "-q", "-a", "--amend", "-m", "feat: made better"], worktree);
    forge.change({ checks: "passed" });
    expect(await publishNow()).toMatchObject({ state: "open", url, commit: forge.readBranch(BRANCH) });
    expect(readLog()).toMatch(/^feat: made better\n/);
    expect(forge.read().pulls).toHaveLength(1);
    await waitForPublication({ checks: { state: "passed", failed: [] } });

    rig.remove("ONB-1");
    await rig.waitFor(() => rig.readRecord("ONB-1").removable).toBe(true);
    forge.close(1, "merged");
    await waitForPublication({ state: "merged" });
    expect(existsSync(worktree)).toBe(true);
    rig.stop("ONB-1", "now", "updated");
    await rig.waitFor(() => existsSync(worktree)).toBe(false);
    await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).toBe("main\n");
    expect(rig.server.problems).toEqual([]);
  });

test.concurrent("what a server or its command refuses is said in its own words, and tried again at the next wish", async (context) => {
  const { expect, forge, worktree, publishNow, ...rig } = await createPublishRig(context);
  const hook = join(forge.bare, "hooks", "pre-receive");
  writeFileSync(hook, "#!/bin/sh\necho 'error: GH006: Protected branch update failed.'\nexit 1\n", { mode: 0o755 });
  const declined = /^git push: error: GH006: Protected branch update failed\.; .*pre-receive hook declined/;
  expect((await publishNow())?.problem).toMatch(declined);
  rmSync(hook);
  forge.change({ isSignedIn: false });
  expect((await publishNow())?.problem).toBe(
    "No pull request at git.example.com: gh is not signed in at git.example.com. Sign in as the runner's user, then try again.",
  );
  const message = "Resource not accessible by personal access token";
  forge.change({ isSignedIn: true, refusal: { status: 403, message } });
  expect((await publishNow())?.problem).toBe(`gh: gh: ${message} (HTTP 403): ${message}`);
  forge.change({ refusal: undefined });
  expect(await publishNow()).toMatchObject({ state: "open" });

  // Somebody has pushed to the branch of the ticket meanwhile, and that is not replaced.
  const theirs = rig.commitElsewhere(BRANCH);
  writeFileSync(join(worktree, "made.txt"), "other");
  rig.git(["commit", "-qam", "other"], worktree);
  expect(await publishNow()).toMatchObject({ state: "open", problem: expect.stringContaining("[rejected]") });
  expect(forge.readBranch(BRANCH)).toBe(theirs);
  rig.git(["update-ref", `refs/heads/${BRANCH}`, `${BRANCH}~`], forge.bare);
  forge.close(1, "closed");
  await rig.waitForPublication({ state: "closed" });
  expect(await publishNow()).toMatchObject({ state: "open", url: expect.stringContaining("pulls/2") });
});

test.concurrent("a branch is only pushed where no pull request is wanted, one without commits not at all, a session has no credentials, and a base that cannot be fetched is said in git's words", async (context) => {
  const steps = ["run env > $HOME/env.txt", "exit 0"];
  const { expect, forge, worktree, publishNow, ...rig } = await createPublishRig(context, {
    publish: "push",
    programs: [],
    steps,
    tickets: WITHOUT_BOX,
  });
  expect(await publishNow()).toMatchObject({ state: "nothing" });
  writeFileSync(join(worktree, "made.txt"), "made");
  rig.git(["add", "-A"], worktree);
  rig.git(["commit", "-qm", "feat: made"], worktree);
  expect(await publishNow()).toEqual({ id: "try-2", state: "pushed", commit: forge.readBranch(BRANCH) });
  const env = readFileSync(join(rig.home, "env.txt"), "utf8");
  for (const secret of Object.values(SECRETS)) expect(env).not.toContain(secret);
  rmSync(forge.bare, { recursive: true });
  rig.run("ONB-2");
  await rig.waitForState("ONB-2", "ended");
  const text = expect.stringMatching(/^git fetch: .*bare\.git.* does not appear to be a git repository/);
  expect(rig.report("ONB-2")?.exit).toMatchObject({ reason: "start_failed", text });
});
