import { createHttpTestApp, toBridgeToken } from "../../support/http-test-app.ts";
import { runCliHere } from "../../support/program.ts";
import { createTestFolder } from "../../support/test-folder.ts";

/** Creates a test app with a task of Imhotep, and his command line. */
export async function createCliTestApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  const cwd = createTestFolder();
  const env = { GROUNDCREW_URL: app.url, GROUNDCREW_TOKEN: toBridgeToken("Imhotep") };
  const runCommand = (args: string[], more: { env?: Record<string, string>; stdin?: string } = {}) =>
    runCliHere(args, { cwd, ...more, env: { ...env, ...more.env } });
  return { app, item, cwd, runCommand };
}
