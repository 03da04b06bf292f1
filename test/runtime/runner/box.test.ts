import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { listenLocally } from "../../../simulators/local-server.ts";
import { IS_FULL_RUN, pickSize } from "../../reliability/random-source.ts";
import { hasProgram } from "../../support/has-program.ts";
import { writeFiles } from "../../support/test-folder.ts";
import { createRunnerRig, REFUSED_BOX, type RunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 240_000 });

/** Where CI is set, a missing bubblewrap is a failure. */
const canBox = hasProgram("bwrap");
const isClone = (rig: RunnerRig, key: string) => statSync(join(rig.worktree(key), ".git")).isDirectory();
const commit = (name: string) => `run echo ${name} > ${name}.txt && git add -A && git commit -qm ${name}`;
const createRig = (options: Parameters<typeof createRunnerRig>[1]) =>
  createRunnerRig({ expect, onTestFinished }, options);
const findCheck = (rig: RunnerRig) => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "box");

test.runIf(canBox)(
  "a boxed session works in a clone, whose branch comes back and which is removed without loss; a branch that somebody else has changed is not overwritten",
  async () => {
    const test_command = "printf boxed; test ! -e $HOME/secret && echo ran > ran.txt";
    const rig = await createRig({ isBoxed: true, repository: { test_command } });
    const listRefs = () => rig.git(["for-each-ref", "--format=%(refname)"]).trim().split("\n");
    writeFileSync(join(rig.home, "secret"), "of the user");
    const side = "run git switch -qc side && git commit -q --allow-empty -m side && git switch -q groundcrew/onb-1";
    const sessions = [rig.want("ONB-1", [commit("made"), side]), rig.want("ONB-2", [commit("first")])];
    rig.set({ sessions });
    await rig.waitForCommits("ONB-1", ["made"]);
    await rig.waitForCommits("ONB-2", ["first"]);
    rig.set({ sessions, test: [{ ticket: "ONB-1", run: 1, id: "tests" }] });
    await rig.waitFor(() => rig.report("ONB-1")).toMatchObject({ tests: { id: "tests" }, dirty: true });
    expect(rig.report("ONB-1")?.tests).not.toHaveProperty("problem");
    expect(readFileSync(join(rig.worktree("ONB-1"), "ran.txt"), "utf8")).toBe("ran\n");
    expect(isClone(rig, "ONB-1")).toBe(true);
    expect(rig.git(["worktree", "list"]).trim().split("\n")).toHaveLength(1);
    expect(rig.git(["log", "--format=%s %an", "groundcrew/onb-1", "-1"])).toBe("made Test\n");
    expect(listRefs()).not.toContain("refs/heads/side");

    const byPerson = rig.git(["commit-tree", "-m", "by a person", "main^{tree}"]).trim();
    rig.git(["update-ref", "refs/heads/groundcrew/onb-2", byPerson]);
    rig.git(["commit", "--quiet", "--allow-empty", "-m", "more"], rig.worktree("ONB-2"));
    const attention = "Somebody has changed the branch groundcrew/onb-2";
    await rig.waitFor(() => rig.report("ONB-2")?.attention).toContain(attention);
    expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-2"])).toBe("by a person\n");

    rig.git(["merge", "--quiet", "groundcrew/onb-1"]);
    rig.stop("ONB-1", "kindly");
    await rig.waitForState("ONB-1", "ended");
    // What keeps the worktree stands in the record, also after Groundcrew knows the end.
    const waitForReason = (reason: string) => {
      rig.remove("ONB-1");
      return rig.waitFor(() => JSON.stringify(rig.readRecord("ONB-1"))).toContain(reason);
    };
    await waitForReason("changes that are not committed");
    rig.git(["clean", "-fdq"], rig.worktree("ONB-1"));
    await waitForReason("commits that are on no branch of its repository");
    rig.git(["branch", "-D", "--quiet", "side"], rig.worktree("ONB-1"));
    rig.remove("ONB-1");
    await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
    await rig.waitFor(() => listRefs().filter((ref) => /onb-1$/i.test(ref))).toEqual([]);
    const clones = readdirSync(join(rig.runnerFolder, "git"));
    expect(clones.filter((name) => name.startsWith("ONB-1"))).toEqual([]);
  },
);

test("where no box works, sandbox required starts no session and auto one without a box, and check, report and log say so", async () => {
  const rig = await createRig({ isBoxed: true, programs: REFUSED_BOX });
  rig.run("ONB-1");
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toMatchObject({ reason: "start_failed" });
  expect(rig.report("ONB-1")?.exit?.text).toContain("sandbox is required for ONB, and no box works here");
  expect(rig.report("ONB-1")?.exit?.text).toContain("No permissions to create new namespace");
  expect(existsSync(rig.worktree("ONB-1"))).toBe(false);
  const failed = { status: "failed", detail: expect.stringContaining("ONB: no session starts") };
  await rig.waitFor(() => findCheck(rig)).toMatchObject(failed);

  const auto = await createRig({ tickets: { sandbox: "auto" }, programs: REFUSED_BOX });
  auto.run("ONB-1", [commit("made")]);
  await auto.waitForCommits("ONB-1", ["made"]);
  expect(isClone(auto, "ONB-1")).toBe(false);
  const warning = { status: "warning", detail: expect.stringContaining("without a box") };
  await auto.waitFor(() => findCheck(auto)).toMatchObject(warning);
  expect(auto.readOutput()).toContain("session without a box");
});

/** What only somebody outside of the box knows. */
const SECRET = "secret-of-the-machine-4711";

/** Places and processes outside of the box, which a hostile session knows by name. */
interface Scene {
  rig: RunnerRig;
  victim: ChildProcess;
  mark: string;
}

/**
 * Shell commands of the session, what says that they have reached something outside, and whether they work for a session
 * without a box, where that does not depend on the machine.
 */
type Attempt = [run: string, hasEscaped: (out: string, scene: Scene) => boolean, withoutBox?: boolean | undefined];

const isMade =
  (name: string) =>
  (_: string, { rig }: Scene) =>
    existsSync(join(rig.folder, name));
const says = (word: string) => (out: string) => out.split("\n").includes(word);
/** Plants a command into a file of a folder, which the shell knows by its variable. */
const toPlanting = (folder: keyof typeof FOLDERS, name: string): Attempt => {
  const file = `${FOLDERS[folder]}/${name}`;
  const hasPlanted = (_: string, { rig }: Scene) =>
    existsSync(join(rig[folder], name)) && readFileSync(join(rig[folder], name), "utf8").includes("/planted");
  return [`mkdir -p $(dirname ${file}) && echo "touch $OUTSIDE/planted" >> ${file}`, hasPlanted, true];
};
const FOLDERS = { home: "$USER_HOME", runnerFolder: "$RUNNER", repository: "$REPOSITORY" } as const;
/** Names a program in the settings of git. */
const toProgram = (setting: string, name: string, withoutBox?: boolean): Attempt => [
  `git config ${setting} "touch $OUTSIDE/${name}"`,
  isMade(name),
  withoutBox,
];
/** Names of abstract sockets begin with a zero byte. */
const CONNECT =
  "require('net').connect(String.fromCharCode(0)+process.env.MARK).on('data',d=>{console.log(String(d));process.exit()})";
const CURL = "curl -s --http0.9 --max-time 5";
const HOOK = "$G/hooks/reference-transaction";

/** They work in a box with the machine's network, the default, as for any user of the machine. */
const OVER_NETWORK = {
  "connecting to an abstract socket": `node -e "${CONNECT}"`,
  "connecting to another port of the machine": `${CURL} --noproxy '*' http://127.0.0.1:$PORT/`,
};

/** They print the secret without a box. `OUTSIDE` is the folder of the product, `G` that of git. */
const READS = {
  "reading .env of the product": "cat $OUTSIDE/.env",
  "reading the secrets file": "cat $OUTSIDE/secrets.env",
  "reading the store": "cat $OUTSIDE/data/store.txt",
  "reading .env in the main checkout": "cat $REPOSITORY/.env",
  "reading a key of the user": "cat $HOME/.ssh/id_ed25519",
  "reading the work folder of another session": "cat $RUNNER/worktrees/ONB-2/own.txt",
  "reading the ticket of another session": "cat $RUNNER/sessions/ONB-2/ticket.md",
  "reading a path with ..": "cat ../ONB-2/own.txt",
  "reading over a symbolic link": "ln -s $OUTSIDE/.env soft && cat soft",
  "reading over a hard link": "ln $OUTSIDE/.env hard && cat hard",
  "reading over a link in /proc": "cat /proc/[0-9]*/cwd/.env",
  "reading over another root in /proc": "cat /proc/[0-9]*/root$OUTSIDE/.env",
  "reading the environment of other processes": "cat /proc/[0-9]*/environ",
  "reading the arguments of other processes": "cat /proc/[0-9]*/cmdline",
  "reading another repository by alternates":
    "GIT_ALTERNATE_OBJECT_DIRECTORIES=$OTHER/.git/objects git cat-file -p $COMMIT",
  ...OVER_NETWORK,
};

const prints = (text: string) => (out: string) => out.includes(text);
const printsSecret = prints(SECRET);
const TMUX = "tmux -S $RUNNER/tmux.sock";

/** Each is tried by a session, in the order of this list. */
const ATTEMPTS: Record<string, Attempt> = {
  ...Object.fromEntries(
    Object.entries(READS).map(([name, run]): [string, Attempt] => [name, [run, printsSecret, true]]),
  ),
  "reading the passwords of the machine": ["cat /etc/shadow", (out) => /^root:/m.test(out), true],
  "listing sessions over the socket of tmux": [`${TMUX} list-sessions`, prints("claude-ONB-2"), true],
  "running a program over that socket": [
    `${TMUX} run-shell 'touch '$OUTSIDE/by-tmux; sleep 1`,
    isMade("by-tmux"),
    true,
  ],
  "connecting to another port over the proxy": [
    `${CURL} --noproxy '' -p -x http://127.0.0.1:3128 http://127.0.0.1:$PORT/`,
    printsSecret,
    false,
  ],
  "using the product's port without a token": [
    "curl -s -o /dev/null -w '%{http_code}\\n' --noproxy '*' -d '{}' $GROUNDCREW_URL/api/runner/exchange",
    (out) => !out.includes("401"),
    false,
  ],
  "ending a process of the machine": ["kill -9 $VICTIM", (_, { victim }) => victim.signalCode !== null, true],
  "reading the memory of a process": [
    "test -s /proc/$VICTIM/maps && head -c 20 /proc/$VICTIM/maps >/dev/null && echo mapped",
    says("mapped"),
  ],
  "tracing a process": [
    `python3 -c "import ctypes; print('traced' if ctypes.CDLL(None).ptrace(16, $VICTIM, 0, 0) == 0 else 'refused')"`,
    says("traced"),
  ],
  "mounting a file system": ["mkdir -p m && mount -t tmpfs none m && echo mounted && umount m", says("mounted")],
  "uncovering what is hidden": ["umount $HOME && ls $HOME/.ssh && echo uncovered", says("uncovered"), false],
  "making a namespace of its own": ["unshare --user --map-root-user echo free", says("free")],
  "entering the namespace of another process": ["nsenter -t $VICTIM -m cat $OUTSIDE/.env", printsSecret],
  "gaining capabilities by a setuid program": [
    "cp /bin/cat setuid && chmod 4755 setuid && ./setuid /proc/self/status | grep CapEff",
    (out) => /CapEff:\s*0*[1-9a-f]/.test(out),
  ],
  "making a device": ["mknod disk b 8 0 && echo made && rm disk", says("made")],
  "writing into the system": ["touch /usr/local/$MARK", (_, { mark }) => existsSync(join("/usr/local", mark))],
  "writing into /tmp of the machine": ["touch /tmp/$MARK", (_, { mark }) => existsSync(join(tmpdir(), mark)), true],
  "planting a hook for the user's Claude Code": toPlanting("home", ".claude/settings.json"),
  "planting a command for the user's shell": toPlanting("home", ".bashrc"),
  "changing the command groundcrew of other sessions": toPlanting("runnerFolder", "bin/groundcrew"),
  "planting a hook in the repository": toPlanting("repository", ".git/hooks/post-checkout"),
  "moving another branch of the repository": [
    "git --git-dir=$REPOSITORY/.git update-ref refs/heads/stolen HEAD",
    (_, { rig }) => rig.git(["branch", "--list", "stolen"]) !== "",
    true,
  ],
  "having another branch and a tag fetched": [
    "git branch -f elsewhere HEAD; git tag forged; git update-ref refs/heads/groundcrew/onb-2 HEAD",
    (_, { rig }) => rig.git(["for-each-ref", "--format=%(refname)"]).match(/elsewhere|forged/) !== null,
    true,
  ],
  "a filter that the runner's git would run": [
    'git config filter.t.clean "touch $OUTSIDE/by-filter" && echo "* filter=t" > .gitattributes && echo x > filtered',
    isMade("by-filter"),
  ],
  "a file system monitor that the runner's git would run": toProgram("core.fsmonitor", "by-monitor"),
  "a hook that the runner's git would run": [
    `mkdir -p "$G/hooks" && printf "#!/bin/sh\\ntouch $OUTSIDE/by-hook\\n" > "${HOOK}"; chmod +x "${HOOK}"`,
    isMade("by-hook"),
  ],
  "a program that the runner's fetch would run": toProgram("uploadpack.packObjectsHook", "by-fetch", false),
};

/** What a session makes of its own folder of git, so that its branch is a commit of another repository; one ticket each. */
const FORGED: Record<string, string> = {
  "ONB-3":
    'echo "$OTHER/.git/objects" >> "$G/objects/info/alternates"; git update-ref refs/heads/groundcrew/onb-3 $COMMIT',
  "ONB-4":
    'cp -a "$G/objects" o && rm -rf "$G/objects" && ln -s $OTHER/.git/objects "$G/objects" && echo $COMMIT > "$G/refs/heads/groundcrew/onb-4"',
  "ONB-5": 'rm -rf .git && echo "gitdir: $OTHER/.git" > .git',
  "ONB-6": 'echo $OTHER/.git > "$G/commondir"',
};

/** A shell that ends early for one attempt must not end the others; each has 15 s. */
function writeScript(attempts: readonly (readonly [string, string])[], variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  const tries = attempts.map(
    ([, run], i) => `timeout 15 bash -c '${run.replaceAll("'", `'\\''`)}' > out/${i}.txt 2> out/${i}.err < /dev/null`,
  );
  const prepare = 'export G="$(git rev-parse --path-format=absolute --git-common-dir)"\nmkdir -p out';
  return [...lines, prepare, ...tries, "git config --unset core.fsmonitor", "echo done > out/finished", ""].join("\n");
}

function createSecretServer(): Server {
  const server = createServer((socket) => socket.on("error", () => {}).end(`${SECRET}\n`));
  onTestFinished(() => void server.close());
  return server;
}

/** Has sessions try everything, and returns the names of the attempts that reached something outside. */
async function tryAll(isBoxed: boolean, repository: { network?: "model" } = {}) {
  const rig = await createRunnerRig({ expect, onTestFinished }, { isBoxed, repository, env: { GREETING: SECRET } });
  const mark = `gcr-escape-${process.pid}-${isBoxed}-${repository.network}`;
  const victim = spawn("sleep", ["600"], { argv0: SECRET, stdio: "ignore", env: { MARK: SECRET } });
  const port = await listenLocally(createSecretServer(), 0);
  await once(createSecretServer().listen({ path: `\0${mark}` }), "listening");
  onTestFinished(() => {
    victim.kill("SIGKILL");
    for (const path of [join("/usr/local", mark), join(tmpdir(), mark)]) rmSync(path, { force: true });
  });
  const other = join(rig.folder, "other");
  mkdirSync(other);
  rig.git(["init", "--quiet"], other);
  rig.git(["commit", "--quiet", "--allow-empty", "-m", SECRET], other);
  const commit = rig.git(["rev-parse", "HEAD"], other).trim();
  const secrets = [".env", "secrets.env", "data/store.txt", "repository/.env", "home/.ssh/id_ed25519"];
  writeFiles(rig.folder, Object.fromEntries(secrets.map((name) => [name, `KEY=${SECRET}\n`])), 0o644);
  const two = rig.run("ONB-2", [`run echo ${SECRET} > own.txt`]);
  await rig.waitFor(() => existsSync(join(rig.worktree("ONB-2"), "own.txt"))).toBe(true);
  const attempts = Object.entries(ATTEMPTS).map(([name, [run]]): [string, string] => [name, run]);
  const variables = {
    ...{ OUTSIDE: rig.folder, REPOSITORY: rig.repository, RUNNER: rig.runnerFolder, USER_HOME: rig.home },
    ...{ OTHER: other, COMMIT: commit, VICTIM: String(victim.pid), PORT: String(port), MARK: mark },
  };
  // Without a box these would destroy the repository that the others need.
  const forging = isBoxed ? Object.entries(FORGED) : [];
  const scripts = [["ONB-1", attempts] as const, ...forging.map((forged) => [forged[0], [forged]] as const)];
  for (const [ticket, tries] of scripts)
    writeFileSync(join(rig.repository, `${ticket}.sh`), writeScript(tries, variables));
  rig.git(["add", "--", ...scripts.map(([ticket]) => `${ticket}.sh`)]);
  rig.git(["commit", "--quiet", "-m", "attempts"]);
  const last = "run git commit --quiet --allow-empty -m last";
  const sessions = scripts.map(([ticket]) =>
    rig.want(ticket, [`run bash ${ticket}.sh`, ...(ticket === "ONB-1" ? [last] : [])]),
  );
  rig.set({ sessions: [two, ...sessions] });
  const readOut = (ticket: string, name: string) => {
    const file = join(rig.worktree(ticket), "out", name);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  for (const [ticket] of scripts) await rig.waitFor(() => readOut(ticket, "finished"), 500).toBe("done\n");
  // The runner's git has read what they left, and has fetched what it fetches.
  if (isBoxed) await rig.waitFor(() => rig.report("ONB-1")?.commits[0]?.subject, 500).toBe("last");
  for (const [ticket] of forging) await rig.waitForScreen(ticket, "all done");
  const scene: Scene = { rig, victim, mark };
  const escaped = Object.entries(ATTEMPTS).flatMap(([name, [, hasEscaped]], i) =>
    hasEscaped(readOut("ONB-1", `${i}.txt`) ?? "", scene) ? [name] : [],
  );
  const readCommit = (ticket: string) =>
    rig.git(["for-each-ref", "--format=%(objectname)", `refs/heads/groundcrew/${ticket.toLowerCase()}`]).trim();
  const forged = forging.map(([ticket]) => ticket).filter((ticket) => readCommit(ticket) === commit);
  return { escaped, forged, rig, commit };
}

const BOXES: [string, { network?: "model" }, string[]][] = [
  ["no session leaves its box that reaches its model only", { network: "model" }, []],
  ["a session in a box with the machine's network reaches that, and nothing else", {}, Object.keys(OVER_NETWORK)],
];

test.runIf(canBox).each(pickSize(BOXES, BOXES.slice(0, 1)))("%s", async (_, repository, open) => {
  expect(Object.keys(ATTEMPTS).length + Object.keys(FORGED).length).toBeGreaterThanOrEqual(40);
  const { escaped, forged, rig, commit } = await tryAll(true, repository);
  expect(escaped).toEqual(open);
  expect(forged).toEqual([]);
  expect(() => rig.git(["cat-file", "-e", commit])).toThrow();
  expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-1"])).toBe("last\n");
  expect(rig.readOutput()).not.toContain(SECRET);
});

/** The full run shows as well that the attempts are none without reason. */
test.runIf(canBox && IS_FULL_RUN)("the same attempts without a box show what it stops", async () => {
  const { escaped } = await tryAll(false);
  const known = Object.entries(ATTEMPTS).filter(([, [, , withoutBox]]) => withoutBox !== undefined);
  expect(escaped.filter((name) => ATTEMPTS[name]?.[2] !== undefined)).toEqual(
    known.filter(([, [, , withoutBox]]) => withoutBox).map(([name]) => name),
  );
  console.info(`Without a box ${escaped.length} of ${Object.keys(ATTEMPTS).length} attempts succeed here.`);
});
