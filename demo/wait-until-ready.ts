import { z } from "zod";

/** What `GET /ready` says about the first read of Plane; nothing when it is complete, or has not begun. */
const readySchema = z.object({ first_look: z.object({ projects_left: z.int() }).optional() });
const boardSchema = z.object({ projects: z.array(z.unknown()) });

/**
 * Resolves when Groundcrew has read every project once, or the signal is aborted. What people do before that belongs to
 * the first read and causes no notifications and no tickets.
 */
export async function waitUntilReady(
  url: string,
  { projects, wait, signal }: { projects: number; wait: (ms: number) => Promise<void>; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted && !(await hasReadAll(url, projects))) await wait(200);
}

async function hasReadAll(url: string, projects: number): Promise<boolean> {
  const read = async <T>(path: string, schema: z.ZodType<T>) => schema.parse(await (await fetch(url + path)).json());
  try {
    // The projects are known before they have been read, so that their number comes first.
    const board = await read("/api/board", boardSchema);
    const { first_look } = await read("/ready", readySchema);
    return board.projects.length >= projects && (first_look?.projects_left ?? 0) === 0;
  } catch {
    return false;
  }
}
