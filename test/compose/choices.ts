import { copyComposeFolder, readDotEnv, readProject, runSetup } from "./compose-files.ts";

/** A choice of overlays with the answers and secrets that setup needs for it. */
export interface OverlayChoice {
  /** As OVERLAYS of setup names it. */
  overlays: string;
  answers: string[];
  secrets: Record<string, string>;
}

const OWN = ["DOMAIN=javisi.test", "ACME_EMAIL=ada@javisi.test"];
const SHARED = ["SHARED_NETWORK=postgres_default", "POSTGRES_HOST=postgresql"];
/** Theirs, with what would break a URL or an .env file. */
export const SHARED_SECRETS = { POSTGRES_ADMIN_PASSWORD: "s3cret p@ss/#$x", POSTGRES_PASSWORD: "a:b@c/d?e#f%g" };

/** Every choice without monitoring that setup accepts; the shared ones also with Redis on another network. */
const BASIC_CHOICES: readonly OverlayChoice[] = [
  { overlays: "none", answers: ["PLANE_WORKSPACE=javisi"], secrets: {} },
  { overlays: "caddy", answers: OWN, secrets: {} },
  { overlays: "plane,embedded-data", answers: OWN, secrets: {} },
  { overlays: "plane,embedded-data,caddy", answers: OWN, secrets: {} },
  { overlays: "plane,shared-data", answers: [...OWN, ...SHARED], secrets: SHARED_SECRETS },
  { overlays: "plane,shared-data,caddy", answers: [...OWN, ...SHARED], secrets: SHARED_SECRETS },
  {
    overlays: "plane,shared-data,caddy",
    answers: [...OWN, ...SHARED, "SHARED_REDIS_NETWORK=redis_default"],
    secrets: { ...SHARED_SECRETS, REDIS_PASSWORD: "r:e d/is" },
  },
];

/** Every choice of overlays that setup accepts: each also with monitoring, which needs the group of Docker's socket. */
export const OVERLAY_CHOICES: readonly OverlayChoice[] = [
  ...BASIC_CHOICES,
  ...BASIC_CHOICES.map(({ overlays, answers, secrets }) => ({
    overlays: `${overlays},monitoring`.replace("none,", ""),
    answers: [...answers, "DOCKER_GROUP=998"],
    secrets,
  })),
];

type Prepared = ReturnType<typeof prepare>;
const prepared = new Map<OverlayChoice, Prepared>();

/** Runs the real setup for a choice, once for all tests; returns the project and the variables. */
export function prepareChoice(choice: OverlayChoice): Prepared {
  const result = prepared.get(choice) ?? prepare(choice);
  prepared.set(choice, result);
  return result;
}

function prepare({ overlays, answers, secrets }: OverlayChoice) {
  const folder = copyComposeFolder();
  runSetup(folder, [`OVERLAYS=${overlays}`, ...answers], secrets);
  const env = readDotEnv(folder);
  return { project: readProject(env), env };
}

/** The choice that these overlays are; shared data on one network. */
export function findChoice(overlays: string): OverlayChoice {
  const choice = OVERLAY_CHOICES.find((entry) => entry.overlays === overlays);
  if (!choice) throw new Error(`no choice ${overlays}`);
  return choice;
}
