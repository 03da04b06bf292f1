import { z } from "zod";
import type { JobHandler } from "../../shared/app/deps.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { type OutboxBody, outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import type { TestAppOptions } from "./test-app.ts";

export function createTestAppSettings(
  url: string,
  key: string,
  workspace: string,
  limit: number,
  options: Pick<TestAppOptions, "agents" | "projects" | "config"> & { env: Record<string, string> },
) {
  const env = {
    PLANE_URL: url,
    PLANE_API_KEY: key,
    PLANE_WORKSPACE: workspace,
    PLANE_RATE_LIMIT: String(limit),
    PLANE_PROJECTS: options.projects?.join(","),
    STORE_URL: "memory:",
    LOG_LEVEL: "debug",
    GROUNDCREW_CONFIG: "crew.json",
    ...options.env,
  };
  const text = JSON.stringify({ agents: options.agents ?? [], ...options.config });
  const read = (path: string) => (path === "crew.json" ? { text, mode: 0o600 } : undefined);
  const parsed = parseSettings(env, { read });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}

/** Creates a handler of the outbox that hands each of its jobs to `record` instead of sending it. */
export function createOutboxRecorder(record: (body: OutboxBody, jobId: string) => void): JobHandler {
  return {
    queue: "outbox",
    leaseMs: 60_000,
    concurrency: 1,
    async handle(_, job) {
      record(outboxBodySchema.parse(job.body), job.id);
      return { done: true };
    },
  };
}

const webhookSchema = z.object({ data: z.object({ id: z.string(), issue: z.string().optional() }) });

/** The id of the item that a webhook concerns, which the route uses as lane. */
export function getWebhookLane(body: string): string | undefined {
  try {
    const { data } = webhookSchema.parse(JSON.parse(body));
    return data.issue ?? data.id;
  } catch {
    return undefined;
  }
}

/** Reduces a request's path: no workspace, project, ids and query. */
export function toRoutePattern(path: string): string {
  const [route = ""] = path.split("?");
  return route
    .replace(/^\/api\/v1\/workspaces\/[^/]+\//, "")
    .replace(/^projects\/[0-9a-f-]{36}\/(?=.)/, "")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id")
    .replace(/\/$/, "");
}
