import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { IS_FULL_RUN } from "../../reliability/random-source.ts";
import { hasProgram } from "../../support/has-program.ts";
import { createRunnerRig, type RunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 240_000 });

/** What only somebody outside of the box knows. */
const SECRET = "secret-of-the-machine-4711";

/** Places and processes outside of the box, which a hostile session knows by name. */
interface Scene {
  rig: RunnerRig;
  other: { path: string; commit: string };
  victim: ChildProcess;
  port: number;
  mark: string;
}

interface Attempt {
  /** Shell commands of the session; `out` receives what they print. */
  run: string;
  /** Whether it has reached something outside. By default: it has printed the secret. */
  hasEscaped?: (out: string, scene: Scene) => boolean;
  /** Whether it works for a session without a box, where that does not depend on the machine. */
  withoutBox?: boolean;
  /** It works in a box with the machine's network, the default, as for any user of the machine. */
  withNetwork?: true;
}

const printsSecret = (out: string) => out.includes(SECRET);
const isMade =
  (name: string) =>
  (_: string, { rig }: Scene) =>
    existsSync(join(rig.folder, name));
const says = (word: string) => (out: string) => out.split("\n").includes(word);
const plant = (file: string) => `mkdir -p $(dirname ${file}) && echo "touch $OUTSIDE/planted" >> ${file}`;
const hasPlanted =
  (find: (scene: Scene) => string) =>
  (_: string, scene: Scene): boolean =>
    existsSync(find(scene)) && readFileSync(find(scene), "utf8").includes("/planted");
/** Names of abstract sockets begin with a zero byte. */
const CONNECT =
  "require('net').connect(String.fromCharCode(0)+process.env.MARK).on('data',d=>{console.log(String(d));process.exit()})";

/** Each is tried by a session, in the order of this list. `OUTSIDE` is the folder of the product, `G` that of git. */
const ATTEMPTS: Record<string, Attempt> = {
  "reading .env of the product": { run: "cat $OUTSIDE/.env", withoutBox: true },
  "reading the secrets file": { run: "cat $OUTSIDE/secrets.env", withoutBox: true },
  "reading the store": { run: "cat $OUTSIDE/data/store.txt", withoutBox: true },
  "reading .env in the main checkout": { run: "cat $REPOSITORY/.env", withoutBox: true },
  "reading a key of the user": { run: "cat $HOME/.ssh/id_ed25519", withoutBox: true },
  "reading the work folder of another session": { run: "cat $RUNNER/worktrees/ONB-2/own.txt", withoutBox: true },
  "reading the ticket of another session": { run: "cat $RUNNER/sessions/ONB-2/ticket.md", withoutBox: true },
  "reading a path with ..": { run: "cat ../ONB-2/own.txt", withoutBox: true },
  "reading over a symbolic link": { run: "ln -s $OUTSIDE/.env soft && cat soft", withoutBox: true },
  "reading over a hard link": { run: "ln $OUTSIDE/.env hard && cat hard", withoutBox: true },
  "reading over a link in /proc": { run: "cat /proc/[0-9]*/cwd/.env", withoutBox: true },
  "reading over another root in /proc": { run: "cat /proc/[0-9]*/root$OUTSIDE/.env", withoutBox: true },
  "reading the environment of other processes": { run: "cat /proc/[0-9]*/environ", withoutBox: true },
  "reading the arguments of other processes": { run: "cat /proc/[0-9]*/cmdline", withoutBox: true },
  "reading the passwords of the machine": {
    run: "cat /etc/shadow",
    hasEscaped: (out) => /^root:/m.test(out),
    withoutBox: true,
  },
  "reading another repository by alternates": {
    run: "GIT_ALTERNATE_OBJECT_DIRECTORIES=$OTHER/.git/objects git cat-file -p $COMMIT",
    withoutBox: true,
  },
  "listing sessions over the socket of tmux": {
    run: "tmux -S $RUNNER/tmux.sock list-sessions",
    hasEscaped: (out) => out.includes("claude-ONB-2"),
    withoutBox: true,
  },
  "running a program over the socket of tmux": {
    run: "tmux -S $RUNNER/tmux.sock run-shell 'touch '$OUTSIDE/by-tmux; sleep 1",
    hasEscaped: isMade("by-tmux"),
    withoutBox: true,
  },
  "connecting to an abstract socket": { run: `node -e "${CONNECT}"`, withoutBox: true, withNetwork: true },
  "connecting to another port of the machine": {
    run: "curl -s --http0.9 --noproxy '*' --max-time 5 http://127.0.0.1:$PORT/",
    withoutBox: true,
    withNetwork: true,
  },
  "connecting to another port over the proxy": {
    run: "curl -s --http0.9 --noproxy '' -p -x http://127.0.0.1:3128 --max-time 5 http://127.0.0.1:$PORT/",
    withoutBox: false,
  },
  "using the product's port without a token": {
    run: "curl -s -o /dev/null -w '%{http_code}\\n' --noproxy '*' -d '{}' $GROUNDCREW_URL/api/runner/exchange",
    hasEscaped: (out) => !out.includes("401"),
    withoutBox: false,
  },
  "ending a process of the machine": {
    run: "kill -9 $VICTIM",
    hasEscaped: (_, { victim }) => victim.signalCode !== null,
    withoutBox: true,
  },
  "reading the memory of a process": {
    run: "test -s /proc/$VICTIM/maps && head -c 20 /proc/$VICTIM/maps >/dev/null && echo mapped",
    hasEscaped: says("mapped"),
  },
  "tracing a process": {
    run: `python3 -c "import ctypes; print('traced' if ctypes.CDLL(None).ptrace(16, $VICTIM, 0, 0) == 0 else 'refused')"`,
    hasEscaped: says("traced"),
  },
  "mounting a file system": {
    run: "mkdir -p m && mount -t tmpfs none m && echo mounted && umount m",
    hasEscaped: says("mounted"),
  },
  "making the system writable": {
    run: "mount -o remount,bind,rw /usr && touch /usr/t48 && echo written && rm /usr/t48",
    hasEscaped: says("written"),
  },
  "uncovering what is hidden": {
    run: "umount $HOME && ls $HOME/.ssh && echo uncovered",
    hasEscaped: says("uncovered"),
    withoutBox: false,
  },
  "making a namespace of its own": { run: "unshare --user --map-root-user echo free", hasEscaped: says("free") },
  "entering the namespace of another process": { run: "nsenter -t $VICTIM -m cat $OUTSIDE/.env" },
  "gaining capabilities by a setuid program": {
    run: "cp /bin/cat setuid && chmod 4755 setuid && ./setuid /proc/self/status | grep CapEff",
    hasEscaped: (out) => /CapEff:\s*0*[1-9a-f]/.test(out),
  },
  "making a device": { run: "mknod disk b 8 0 && echo made && rm disk", hasEscaped: says("made") },
  "writing into the system": {
    run: "touch /usr/local/$MARK",
    hasEscaped: (_, { mark }) => existsSync(join("/usr/local", mark)),
  },
  "writing into /tmp of the machine": {
    run: "touch /tmp/$MARK",
    hasEscaped: (_, { mark }) => existsSync(join(tmpdir(), mark)),
    withoutBox: true,
  },
  "planting a hook for the user's Claude Code": {
    run: plant("$USER_HOME/.claude/settings.json"),
    hasEscaped: hasPlanted(({ rig }) => join(rig.home, ".claude/settings.json")),
    withoutBox: true,
  },
  "planting a command for the user's shell": {
    run: plant("$USER_HOME/.bashrc"),
    hasEscaped: hasPlanted(({ rig }) => join(rig.home, ".bashrc")),
    withoutBox: true,
  },
  "changing the command groundcrew of other sessions": {
    run: plant("$RUNNER/bin/groundcrew"),
    hasEscaped: hasPlanted(({ rig }) => join(rig.runnerFolder, "bin/groundcrew")),
    withoutBox: true,
  },
  "planting a hook in the repository": {
    run: plant("$REPOSITORY/.git/hooks/post-checkout"),
    hasEscaped: hasPlanted(({ rig }) => join(rig.repository, ".git/hooks/post-checkout")),
    withoutBox: true,
  },
  "planting a setting in the repository": {
    run: "git config --file $REPOSITORY/.git/config core.sshCommand /planted",
    hasEscaped: hasPlanted(({ rig }) => join(rig.repository, ".git/config")),
    withoutBox: true,
  },
  "moving another branch of the repository": {
    run: "git --git-dir=$REPOSITORY/.git update-ref refs/heads/stolen HEAD",
    hasEscaped: (_, { rig }) => rig.git(["branch", "--list", "stolen"]) !== "",
    withoutBox: true,
  },
  "having another branch and a tag fetched": {
    run: "git branch -f elsewhere HEAD; git tag forged; git update-ref refs/heads/groundcrew/onb-2 HEAD",
    hasEscaped: (_, { rig }) => rig.git(["for-each-ref", "--format=%(refname)"]).match(/elsewhere|forged/) !== null,
    withoutBox: true,
  },
  "a filter that the runner's git would run": {
    run: 'git config filter.t.clean "touch $OUTSIDE/by-filter" && echo "* filter=t" > .gitattributes && echo x > filtered',
    hasEscaped: isMade("by-filter"),
  },
  "a file system monitor that the runner's git would run": {
    run: 'git config core.fsmonitor "touch $OUTSIDE/by-monitor"',
    hasEscaped: isMade("by-monitor"),
  },
  "a hook that the runner's git would run": {
    run: 'mkdir -p "$G/hooks" && printf "#!/bin/sh\\ntouch $OUTSIDE/by-hook\\n" > "$G/hooks/reference-transaction"; chmod +x "$G/hooks/reference-transaction"',
    hasEscaped: isMade("by-hook"),
  },
  "a program that the runner's fetch would run": {
    run: 'git config uploadpack.packObjectsHook "touch $OUTSIDE/by-fetch"',
    hasEscaped: isMade("by-fetch"),
    withoutBox: false,
  },
  "a link in the place of the summary": {
    run: 'ln -sf "$OUTSIDE/.env" "$GROUNDCREW_COMPLETION_FILE"',
    hasEscaped: (_, { rig }) => JSON.stringify(rig.report("ONB-1")).includes(SECRET),
    withoutBox: false,
  },
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
function writeScript(attempts: readonly [string, string][], variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  const tries = attempts.map(
    ([, run], i) => `timeout 15 bash -c '${run.replaceAll("'", `'\\''`)}' > out/${i}.txt 2> out/${i}.err < /dev/null`,
  );
  const prepare = 'export G="$(git rev-parse --path-format=absolute --git-common-dir)"\nmkdir -p out';
  return [...lines, prepare, ...tries, "git config --unset core.fsmonitor", "echo done > out/finished", ""].join("\n");
}

async function startSecretServer(address: number | string): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => {}).end(`${SECRET}\n`));
  if (typeof address === "number") server.listen(address, "127.0.0.1");
  else server.listen({ path: address });
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return server;
}

/** Has sessions try everything, and returns the names of the attempts that reached something outside. */
async function tryAll(
  isBoxed: boolean,
  repository: { network?: "model" } = {},
): Promise<{ escaped: string[]; scene: Scene; forged: string[] }> {
  const rig = await createRunnerRig({ expect, onTestFinished }, { isBoxed, repository, env: { GREETING: SECRET } });
  const mark = `gcr-escape-${process.pid}-${isBoxed}-${repository.network}`;
  const victim = spawn("sleep", ["600"], { argv0: SECRET, stdio: "ignore", env: { MARK: SECRET } });
  const onPort = await startSecretServer(0);
  await startSecretServer(`\0${mark}`);
  const address = onPort.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  onTestFinished(() => {
    victim.kill("SIGKILL");
    for (const path of [join("/usr/local", mark), join(tmpdir(), mark)]) rmSync(path, { force: true });
  });
  const path = join(rig.folder, "other");
  mkdirSync(path);
  rig.git(["init", "--quiet"], path);
  rig.git(["commit", "--quiet", "--allow-empty", "-m", SECRET], path);
  const other = { path, commit: rig.git(["rev-parse", "HEAD"], path).trim() };
  for (const [name, folder] of [
    ...([".env", "secrets.env", "data/store.txt"].map((one) => [one, rig.folder]) as [string, string][]),
    ...([
      [".env", rig.repository],
      [".ssh/id_ed25519", rig.home],
    ] as [string, string][]),
  ]) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), `KEY=${SECRET}\n`);
  }
  rig.server.set({ sessions: [rig.want("ONB-2", [`run echo ${SECRET} > own.txt`])] });
  await rig.waitFor(() => existsSync(join(rig.worktree("ONB-2"), "own.txt"))).toBe(true);
  const attempts = Object.entries(ATTEMPTS).map(([name, { run }]) => [name, run] as [string, string]);
  const variables = {
    ...{ OUTSIDE: rig.folder, REPOSITORY: rig.repository, RUNNER: rig.runnerFolder, USER_HOME: rig.home },
    ...{ OTHER: other.path, COMMIT: other.commit, VICTIM: String(victim.pid), PORT: String(port), MARK: mark },
  };
  writeFileSync(join(rig.repository, "attempts.sh"), writeScript(attempts, variables));
  for (const [ticket, run] of Object.entries(FORGED))
    writeFileSync(join(rig.repository, `${ticket}.sh`), writeScript([[ticket, run]], variables));
  rig.git(["add", "--", "attempts.sh", ...Object.keys(FORGED).map((ticket) => `${ticket}.sh`)]);
  rig.git(["commit", "--quiet", "-m", "attempts"]);
  // Without a box these would destroy the repository that the others need.
  const forging = isBoxed ? Object.keys(FORGED) : [];
  const two = rig.want("ONB-2", []);
  const commit = "run git commit --quiet --allow-empty -m last";
  rig.server.set({
    sessions: [
      { ...two, session_id: rig.report("ONB-2")?.session_id ?? two.session_id },
      rig.want("ONB-1", ["run bash attempts.sh", commit]),
      ...forging.map((ticket) => rig.want(ticket, [`run bash ${ticket}.sh`])),
    ],
  });
  const readOut = (ticket: string, name: string) => {
    const file = join(rig.worktree(ticket), "out", name);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  for (const ticket of ["ONB-1", ...forging]) await rig.waitFor(() => readOut(ticket, "finished"), 500).toBe("done\n");
  // The runner's git has read what they left, and has fetched what it fetches.
  if (isBoxed) {
    await rig.waitFor(() => rig.report("ONB-1")?.commits[0]?.subject, 500).toBe("last");
    for (const ticket of forging) await rig.waitFor(() => rig.report(ticket)?.screen ?? "", 500).toContain("all done");
  }
  const scene: Scene = { rig, other, victim, port, mark };
  const escaped = Object.entries(ATTEMPTS).flatMap(([name, { hasEscaped = printsSecret }], i) =>
    hasEscaped(readOut("ONB-1", `${i}.txt`) ?? "", scene) ? [name] : [],
  );
  const forged = forging.filter((ticket) => {
    const branch = `groundcrew/${ticket.toLowerCase()}`;
    return rig.git(["for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`]).trim() === other.commit;
  });
  return { escaped, scene, forged };
}

/** Where CI is set, a missing bubblewrap is a failure. */
const canBox = hasProgram("bwrap");

const withNetwork = Object.entries(ATTEMPTS).flatMap(([name, attempt]) => (attempt.withNetwork ? [name] : []));

test.runIf(canBox).each([
  ["no session leaves its box that reaches its model only", { network: "model" } as const, []],
  ["a session in a box with the machine's network reaches that network, and nothing else", {}, withNetwork],
])("%s", async (_, repository, open) => {
  expect(Object.keys(ATTEMPTS).length + Object.keys(FORGED).length).toBeGreaterThanOrEqual(40);
  const { escaped, forged, scene } = await tryAll(true, repository);
  expect(escaped).toEqual(open);
  expect(forged).toEqual([]);
  const { rig, other } = scene;
  expect(() => rig.git(["cat-file", "-e", other.commit])).toThrow();
  expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-1"])).toBe("last\n");
  expect(rig.output.join("")).not.toContain(SECRET);
});

/** The full run shows as well that the attempts are none without reason. */
test.runIf(canBox && IS_FULL_RUN)("the same attempts without a box show what it stops", async () => {
  const { escaped } = await tryAll(false);
  const known = Object.entries(ATTEMPTS).filter(([, { withoutBox }]) => withoutBox !== undefined);
  expect(escaped.filter((name) => ATTEMPTS[name]?.withoutBox !== undefined)).toEqual(
    known.filter(([, { withoutBox }]) => withoutBox).map(([name]) => name),
  );
  console.info(`Without a box ${escaped.length} of ${Object.keys(ATTEMPTS).length} attempts succeed here.`);
});

test.runIf(canBox)("bubblewrap works here as the user of the tests, also without the rights of root", () => {
  const args = ["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"];
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "bwrap"];
  const isRoot = process.getuid?.() === 0;
  expect(() => execFileSync(isRoot ? "setpriv" : "bwrap", [...(isRoot ? nobody : []), ...args])).not.toThrow();
});
