import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toItemKey,
} from "../../reliability/simulators.ts";
import { hasProgram } from "../../support/has-program.ts";
import { hasPostgres, POSTGRES_PROGRAMS, startPostgres } from "../../support/postgres-server.ts";
import { installBuild, startProgram } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";

const FULL = Boolean(process.env["FULL"]);
const LIMIT_MS = 400_000;
const STEP_MS = 120_000;
/** Work items of Plane, and bytes of uploads. */
const ROWS = 200_000;
const UPLOAD_BYTES = 50_000_000;
const DIGEST = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM issues t";
const PLACE = "/srv/restored";

const execute = promisify(execFile);

/** The section of docs/operations.md about a new server: what follows uses its commands as they stand there. */
const SECTION = /\*\*A new server\.\*\*.*?(?=\n\n\*\*)/s.exec(readFileSync("docs/operations.md", "utf8"))?.[0] ?? "";

function findCommand(program: string): string {
  const command = [...SECTION.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span).find((s) => s.startsWith(program));
  if (!command) throw new Error(`docs/operations.md has no command of ${program} for a new server.`);
  return command;
}

async function createDatabase() {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  const { account, url } = postgres.createPlaneDatabase();
  return { url, query: (sql: string) => postgres.query(sql, account) };
}

test.skipIf(!FULL || !hasPostgres() || !hasProgram("restic"))(
  "INFRA-05 an empty machine has everything again by the commands of the documents, and nothing old is said",
  async () => {
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const project = simulators.addProject();
    const items = simulators.addItems(project, 2);
    simulators.addItems(project, 1, "Left open");
    simulators.takeWebhookBodies();
    const port = await findFreePort();
    const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` };
    const request = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { ...headers, ...init.headers } });
    const repository = createTestFolder("restic");
    const PATH = [dirname(process.execPath), POSTGRES_PROGRAMS, process.env["PATH"]].join(":");
    const shell = (cwd: string, command: string, env: Record<string, string> = {}) =>
      execute("sh", ["-euc", command], { cwd, env: { PATH, HOME: cwd, RESTIC_PASSWORD: "secret", ...env } });

    /** `npm start`; resolves when it is healthy. */
    async function start(cwd: string) {
      const product = startProgram(["npm", "start", "--silent"], { cwd, env: { PATH, HOME: cwd } });
      const isHealthy = () =>
        request("/health").then(
          ({ ok }) => ok,
          () => false,
        );
      await expect.poll(isHealthy, { timeout: STEP_MS }).toBe(true);
      return async () => {
        product.signal("SIGTERM");
        await product.exited;
      };
    }

    async function complete(index: number) {
      simulators.plane.editItem(items[index] ?? "", { state: "Done" });
      for (const body of simulators.takeWebhookBodies())
        await request("/webhooks/plane", { method: "POST", headers: simulators.createDeliveryHeaders(body), body });
      const key = items[index] && toItemKey(project, items[index]);
      const isTold = () =>
        simulators.telegram.chat(SIMULATED_CHAT).messages.filter(({ text }) => text.includes(`${key} `));
      await expect.poll(isTold, { timeout: STEP_MS }).toHaveLength(1);
    }

    // The first machine, with a Plane, uploads and history, and its backup in restic.
    const [machine, first] = [installBuild(), await createDatabase()];
    first.query(
      `CREATE TABLE issues AS SELECT i AS id, 'Ticket ' || i AS name, md5(i::text) AS body FROM generate_series(1, ${ROWS}) i`,
    );
    const digest = first.query(DIGEST);
    const settings = {
      ...simulators.env,
      PORT: String(port),
      BACKUP_FOLDER: "backups",
      BACKUP_DATABASE_URL: first.url,
      BACKUP_UPLOADS: "uploads",
      BACKUP_AFTER: `${join(machine, "dist/files/runtime/backup/send-to-restic")} {backup} --repo ${repository}`,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'\n`);
    writeFiles(machine, { ".env": lines.join(""), "uploads/picture.png": Buffer.alloc(UPLOAD_BYTES, "pixel") });
    await shell(machine, `restic init --quiet --repo ${repository}`);
    const stop = await start(machine);
    expect((await request("/ticks/poll", { method: "POST" })).status).toBe(200);
    await complete(0);
    await shell(machine, "npm run backup", { RESTIC_PASSWORD: "secret" });
    await stop();
    rmSync(machine, { recursive: true });

    // The second one has nothing but an installation and an empty database.
    const [empty, second] = [installBuild(), await createDatabase()];
    const began = performance.now();
    await shell(empty, findCommand("restic").replace("…", repository).replace(PLACE, join(empty, "restored")));
    const [name = ""] = (await shell(join(empty, "restored"), "ls")).stdout.trim().split("\n");
    const options = { BACKUP_DATABASE_URL: second.url, BACKUP_UPLOADS: join(empty, "uploads") };
    await shell(empty, `npm run restore -- ${join(empty, "restored", name)} --yes`, options);
    const stopSecond = await start(empty);
    console.info(`empty machine: ${ROWS} rows, ${UPLOAD_BYTES} bytes in ${Math.round(performance.now() - began)} ms`);
    expect(second.query(DIGEST)).toBe(digest);
    expect(readFileSync(join(empty, "uploads/picture.png")).length).toBe(UPLOAD_BYTES);
    expect((await request("/ticks/poll", { method: "POST" })).status).toBe(200);
    await complete(1);
    const { messages } = simulators.telegram.chat(SIMULATED_CHAT);
    expect(messages.filter(({ text }) => text.includes("ONB-1 "))).toHaveLength(1);
    await stopSecond();
  },
  LIMIT_MS,
);
