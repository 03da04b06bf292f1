import { createDoors, tokenOf } from "../../doors.ts";
import { folder, groundcrew } from "./command.ts";

/** Groundcrew with a task of Imhotep's, and his command line. */
export async function opened(options: Parameters<typeof createDoors>[0] = {}) {
  const doors = await createDoors(options);
  const item = doors.task("Write the report", "Imhotep");
  await doors.begin();
  const cwd = folder();
  const env = { GROUNDCREW_URL: doors.url, GROUNDCREW_TOKEN: tokenOf("Imhotep") };
  const run = (args: string[], more: { env?: Record<string, string>; stdin?: string } = {}) =>
    groundcrew(args, { cwd, ...more, env: { ...env, ...more.env } });
  return { doors, item, cwd, run };
}
