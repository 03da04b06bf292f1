import { z } from "zod";
import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { parsePinnedValue } from "../../functions/doctor/openclaw-version.ts";
import type { Finding } from "./finding.ts";
import type { ComposeUpgradeSettings } from "./upgrade-settings.ts";

const serviceSchema = z.looseObject({
  image: z.string(),
  user: z.string().optional(),
  privileged: z.boolean().default(false),
  cap_drop: z.array(z.string()).nullish(),
  cap_add: z.array(z.string()).nullish(),
  security_opt: z.array(z.string()).nullish(),
  networks: z.record(z.string(), z.unknown()).nullish(),
  volumes: z.array(z.looseObject({ target: z.string() })).nullish(),
});
export type ComposeService = z.output<typeof serviceSchema>;
const configSchema = z.looseObject({ services: z.record(z.string(), z.unknown()) });

/** The only capabilities that the container may have. */
const ALLOWED_CAPABILITIES = ["CHOWN", "SETGID", "SETUID"];

/** Parses the service from `docker compose config --format json`. Throws an Error for people. */
export function parseComposeService(text: string, service: string): ComposeService {
  const { services } = configSchema.parse(JSON.parse(text));
  if (services[service] === undefined)
    throw new Error(`the Compose file has no service ${service}; it has ${Object.keys(services).join(", ") || "none"}`);
  return serviceSchema.parse(services[service]);
}

/** Checks what the Compose file says about the container: image, user, capabilities, seccomp, networks and volumes. */
export function checkComposeService(
  service: ComposeService,
  settings: ComposeUpgradeSettings,
  from: string,
): Finding[] {
  return [
    checkImage(service, from),
    checkUser(service, settings.user),
    checkCapabilities(service),
    checkSeccomp(service),
    checkNetworks(service, settings.networks),
    checkVolumes(service, [settings.state, settings.workspace]),
  ];
}

function checkImage({ image }: ComposeService, from: string): Finding {
  const pinned = parsePinnedValue(image)?.version;
  if (pinned === from) return reportOk("image", image);
  return reportFailure(
    "image",
    `the service's image is ${image}, but the environment file pins ${from}`,
    "Write the image with the variable in the Compose file, and without a digest or `latest`.",
  );
}

function checkUser({ user }: ComposeService, wanted: string): Finding {
  if (user === wanted) return reportOk("user", wanted);
  return reportFailure("user", `user is ${user ?? "not set"}, wanted ${wanted}`, `Set \`user: "${wanted}"\`.`);
}

function checkCapabilities({ cap_drop, cap_add, privileged }: ComposeService): Finding {
  const added = (cap_add ?? []).map((capability) => capability.replace(/^CAP_/, ""));
  const more = added.filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
  const problems = [
    ...(privileged ? ["the container is privileged"] : []),
    ...((cap_drop ?? []).includes("ALL") ? [] : ["cap_drop lacks ALL"]),
    ...(more.length > 0 ? [`cap_add has ${more.join(", ")}`] : []),
  ];
  if (problems.length === 0) return reportOk("capabilities", `only ${added.join(", ") || "none"}`);
  return reportFailure(
    "capabilities",
    problems.join("; "),
    `Drop ALL and add at most ${ALLOWED_CAPABILITIES.join(", ")}.`,
  );
}

function checkSeccomp({ security_opt }: ComposeService): Finding {
  const option = (security_opt ?? []).find((one) => /^seccomp[:=]/.test(one));
  if (option === undefined) return reportOk("seccomp", "Docker's default profile");
  if (/^seccomp[:=]unconfined$/.test(option))
    return reportFailure("seccomp", "seccomp is off", "Remove seccomp=unconfined from security_opt.");
  return reportWarning(
    "seccomp",
    "a profile of your own",
    "Try the new version with Docker's default first; keep the profile only if a system call is refused.",
  );
}

function checkNetworks({ networks }: ComposeService, wanted: readonly string[]): Finding {
  const missing = wanted.filter((network) => !(network in (networks ?? {})));
  if (missing.length === 0) return reportOk("networks", wanted.join(", ") || "none wanted");
  return reportFailure("networks", `not in ${missing.join(", ")}`, 'Add them to the service, or change "networks".');
}

function checkVolumes({ volumes }: ComposeService, paths: readonly string[]): Finding {
  const targets = (volumes ?? []).map(({ target }) => target.replace(/\/+$/, ""));
  const missing = paths.filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)));
  if (missing.length === 0) return reportOk("volumes", paths.join(", "));
  return reportFailure(
    "volumes",
    `no volume holds ${missing.join(", ")}: a new container would lose it`,
    'Mount volumes there, or change "state" and "workspace".',
  );
}
