import { chmodSync, existsSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lockFolder } from "../../../runtime/node/files.ts";
import { createRecordStore } from "../../../runtime/runner/session-folder.ts";
import { createBackupMachine, smuggle } from "./backup-machine.ts";

const CONFIG = "home/.config/groundcrew";
const RUNNER = "home/.local/state/groundcrew-runner";
const RECORD = `${RUNNER}/sessions/ONB-12/record.json`;
const CLAUDE = "home/.claude";

/** A host of tickets, whose folders are where the runner's unit has them. `run` and `fail` are commands there. */
function createTicketHost() {
  const machine = createBackupMachine({ BACKUP_UPLOADS: "", STORE_URL: "memory:" });
  machine.remove("data/groundcrew.db");
  const { folder, write, runHere } = machine;
  const home = join(folder, "home");
  write(`${CONFIG}/runner.json`, '{"tickets": {}}');
  chmodSync(join(folder, CONFIG, "runner.json"), 0o640);
  write(`${CONFIG}/runner.env`, "RUNNER_TOKEN=marked-secret-runner-token\n");
  // Every file that a runner has of a session.
  const { folder: _, own: __, temporary: ___, ...paths } = createRecordStore(join(folder, RUNNER)).getPaths("ONB-12");
  for (const path of Object.values(paths)) write(path.slice(folder.length), "marked-secret-launch");
  write(RECORD, '{"ticket": "ONB-12"}');
  write(`${RUNNER}/runner-id`, "5f0c2d1e-7a55-4a35-9d0f-9a4c1f1f6a11");
  write(`${RUNNER}/sessions/ONB-12/debug.log`, "left out");
  for (const left of ["worktrees/ONB-12/readme.txt", "git/view/config", "bin/groundcrew", "tmux.conf", "tmux.sock"])
    write(`${RUNNER}/${left}`, "left out");
  const getEnv = (env: Record<string, string>) => ({ HOME: home, ...env });
  return {
    ...machine,
    home,
    async run(args: readonly string[], env: Record<string, string> = {}) {
      const { exit, out, err } = await runHere(args, getEnv(env));
      expect(exit, err).toBe(0);
      expect(out + err).not.toContain("marked-secret");
      return out;
    },
    fail: (args: readonly string[], env: Record<string, string> = {}) => runHere(args, getEnv(env)),
    /** The files of the newest backup's part. */
    listSaved() {
      const root = join(machine.backups, machine.listBackups().at(-1) ?? "", "runner");
      const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return entries.map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1)).sort();
    },
  };
}

test("INFRA-05 A backup of a ticket host has the runner's settings and session records, and neither worktrees, sockets nor tokens of launches", async () => {
  const host = createTicketHost();
  expect(JSON.parse(await host.run(["backup", "--json"])).parts).toEqual(["secrets", "runner"]);
  const ofSession = [
    "completion.txt",
    "record.json",
    "session-end.json",
    "session-start.json",
    "status.json",
    "ticket.md",
  ];
  const settings = ["owners.json", "runner-id", "runner.env", "runner.json"];
  expect(host.listSaved()).toEqual([...settings, ...ofSession.map((name) => `sessions/ONB-12/${name}`)]);
});

test("INFRA-05 A restore on an empty ticket host puts settings, records and Claude's configuration back with their modes", async () => {
  const host = createTicketHost();
  host.write(`${CLAUDE}/settings.json`, '{"permissions": {}}');
  host.write(`${CLAUDE}/hooks/check`, "#!/bin/sh\n");
  host.write(`${CLAUDE}.json`, '{"projects": {}}');
  chmodSync(join(host.folder, CLAUDE, "hooks/check"), 0o755);
  symlinkSync("/etc/passwd", join(host.folder, CLAUDE, "link"));
  const claude = { BACKUP_CLAUDE: join(host.folder, CLAUDE) };
  const { backup, skipped } = JSON.parse(await host.run(["backup", "--json"], claude));
  expect(skipped).toEqual([join(host.folder, CLAUDE, "link")]);
  host.remove("home");
  await host.run(["restore", backup, "--yes"], claude);
  expect(host.read(`${CONFIG}/runner.env`)).toContain("marked-secret-runner-token");
  expect(host.read(RECORD)).toBe('{"ticket": "ONB-12"}');
  expect(host.read(`${CLAUDE}/hooks/check`)).toBe("#!/bin/sh\n");
  expect(host.read(`${CLAUDE}.json`)).toBe('{"projects": {}}');
  const paths = [`${CONFIG}/runner.json`, `${CONFIG}/runner.env`, `${CLAUDE}/hooks/check`, RUNNER];
  const modes = paths.map((path) => statSync(join(host.folder, path)).mode & 0o777);
  expect(modes).toEqual([0o640, 0o600, 0o755, 0o700]);
  expect(existsSync(join(host.folder, RUNNER, "worktrees"))).toBe(false);
});

test("A restore is refused while a runner uses the folder, and where Claude's configuration has no place", async () => {
  const host = createTicketHost();
  host.write(`${CLAUDE}/settings.json`, "{}");
  const claude = { BACKUP_CLAUDE: join(host.folder, CLAUDE) };
  const { backup } = JSON.parse(await host.run(["backup", "--json"], claude));
  expect((await host.fail(["restore", backup, "--yes"])).err).toContain("set BACKUP_CLAUDE");
  const unlock = await lockFolder(join(host.folder, RUNNER));
  host.write(RECORD, "newer");
  expect((await host.fail(["restore", backup, "--yes"], claude)).err).toContain("A ticket runner is using");
  expect(host.read(RECORD)).toBe("newer");
  unlock();
  await host.run(["restore", backup, "--yes", "--without", "runner"]);
  expect(host.read(RECORD)).toBe("newer");
});

test.each(["bin/groundcrew", "sessions/ONB-12/launch.json"])(
  "A restore refuses a file that no backup has of a runner: %s",
  async (path) => {
    const host = createTicketHost();
    const { backup } = JSON.parse(await host.run(["backup", "--json"]));
    smuggle(backup, `runner/${path}`);
    const { exit, err } = await host.fail(["restore", backup, "--yes"]);
    expect(exit).toBe(1);
    expect(err).toMatch(/does not know|not valid/);
  },
);
