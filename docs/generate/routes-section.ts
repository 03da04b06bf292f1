import { manifest } from "../../functions/index.ts";
import { createDeps } from "../../runtime/create-deps.ts";
import { createAssetReader } from "../../runtime/node/files.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Route } from "../../shared/app/deps.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { ROUTE_ROLES } from "../../shared/http/route-roles.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { renderCode, renderTable } from "./markdown.ts";

export interface MountedRoute {
  /** For example `POST /ticks/:name`. */
  name: string;
  access: Route["access"];
}

const CALLERS: Record<Route["access"], string> = {
  public: "anyone",
  tick: "`TICK_TOKEN` or `ADMIN_TOKEN`",
  alerts: "`ALERTS_TOKEN` or `ADMIN_TOKEN`",
  admin: "`ADMIN_TOKEN`",
  page: "`ADMIN_TOKEN`",
  agent: "an agent's bridge token",
  runner: "`RUNNER_TOKEN`",
};

/** Who may call a route that people use, by the least role. */
const PEOPLE = {
  guest: "guests, members, admins",
  member: "members, admins",
  admin: "admins",
};

/** Every method and path the product answers, in the order in which they are mounted. */
export async function listMountedRoutes(): Promise<MountedRoute[]> {
  const deps = await createDeps({
    settings: createExampleSettings(),
    manifest,
    store: createMemoryStore({ clock: () => 0 }),
    metrics: noMetrics,
    readAsset: createAssetReader(),
    write: () => {},
    signal: AbortSignal.abort(),
  });
  const routes = manifest.routes.flatMap(({ path, access, app }) =>
    app(deps).routes.map((route) => ({ name: `${route.method} ${joinPaths(path, route.path)}`, access })),
  );
  // A handler behind a middleware stands there once for each of the two.
  return [...new Map(routes.map((route) => [route.name, route])).values()];
}

/** All routes with who may call them. */
export async function renderRoutes(): Promise<string> {
  const roles: Readonly<Record<string, { role: keyof typeof PEOPLE }>> = ROUTE_ROLES;
  const rows = (await listMountedRoutes()).map(({ name, access }) => {
    const needs = roles[name];
    return [renderCode(name), needs ? PEOPLE[needs.role] : CALLERS[access]];
  });
  return renderTable(["Route", "Caller"], rows);
}

function createExampleSettings() {
  const env = {
    PLANE_URL: "https://plane.example.com",
    PLANE_API_KEY: "plane_api_example",
    PLANE_WORKSPACE: "example",
  };
  const parsed = parseSettings(env, { read: () => undefined });
  if (!parsed.ok) throw new Error(`The example settings are wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.settings;
}

function joinPaths(base: string, path: string): string {
  return `${base}${path}`.replaceAll(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}
