import type { Json } from "../../../simulators/plane/rows.ts";
import { isObject } from "./recording.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Values that differ from run to run (random, from a clock or a secret) or that are decoration: only their type is
 * compared.
 */
const OPAQUE = new Set([
  ...["token", "secret_key", "csrf_token", "username", "instance_id", "invite_link", "message", "epoch", "logo_props"],
  ...["policy", "x-amz-signature", "x-amz-credential", "x-amz-date", "favicon", "last_login_uagent", "request_headers"],
  ...["request_body", "response_headers", "cover_image", "cover_image_url", "background_color"],
]);

/** Begins the description of Plane's sample project, of which the simulator has a shorter version. */
const SAMPLE = "Welcome to the Plane Demo Project!";

/** Maps recorded ids to the ids of the simulator, learnt from the answers. */
export class IdMap {
  readonly known = new Map<string, string>();
  learn(recorded: string, live: string): void {
    if (!this.known.has(recorded)) this.known.set(recorded, live);
  }
  /** Returns a recorded text with the simulator's ids. */
  translate(text: string): string {
    let result = text.replaceAll(UUID, (id) => this.known.get(id) ?? id);
    for (const [recorded, live] of this.known) if (!recorded.match(UUID)) result = result.replaceAll(recorded, live);
    return result;
  }
}

/** Returns the differences between a recorded and a live value as sentences, and learns the ids it meets. */
export function findDifferences(recorded: Json, live: Json | undefined, names: IdMap, path = "", key = ""): string[] {
  const at = path || "the body";
  const difference = (a: Json, b: Json) => [`${at}: recorded ${abbreviate(a)}, here ${abbreviate(b)}`];
  if (live === undefined) return [`${at} is missing`];
  if (recorded === null || live === null) return recorded === live ? [] : difference(recorded, live);
  if (Array.isArray(recorded) || Array.isArray(live)) {
    if (!Array.isArray(recorded) || !Array.isArray(live)) return [`${at}: one is a list, the other is not`];
    if (recorded.length !== live.length) return [`${at}: recorded ${recorded.length} entries, here ${live.length}`];
    return recorded.flatMap((each, index) => findDifferences(each, live[index], names, `${path}[${index}]`, key));
  }
  if (isObject(recorded) || isObject(live)) {
    if (!isObject(recorded) || !isObject(live)) return [`${at}: one is an object, the other is not`];
    if (OPAQUE.has(key)) return [];
    const extra = Object.keys(live).filter((name) => !(name in recorded));
    return [
      ...extra.map((name) => `${path}.${name} is not in the recording`),
      ...Object.entries(recorded).flatMap(([name, value]) =>
        findDifferences(value ?? null, live[name], names, `${path}.${name}`, name),
      ),
    ];
  }
  if (typeof recorded !== typeof live) return difference(recorded, live);
  const isEqual =
    typeof recorded === "string" && typeof live === "string"
      ? compareTexts(recorded, live, names, key)
      : recorded === live || OPAQUE.has(key);
  return isEqual ? [] : difference(recorded, live);
}

/** Whether two texts are equal but for their ids, which it learns. */
function compareTexts(recorded: string, live: string, names: IdMap, key: string): boolean {
  if (OPAQUE.has(key)) {
    if (["token", "secret_key", "csrf_token"].includes(key)) names.learn(recorded, live);
    return true;
  }
  // The end of a cycle comes from the request, so it is compared; all other times come from the clock.
  if (key !== "end_date" && TIME.test(recorded) && TIME.test(live)) return true;
  if (recorded.startsWith(SAMPLE) && live.startsWith(SAMPLE)) return true;
  const [ids, liveIds] = [recorded.match(UUID) ?? [], live.match(UUID) ?? []];
  for (const [index, id] of ids.entries()) {
    const liveId = liveIds[index];
    if (liveId) names.learn(id, liveId);
  }
  // The name of a file in the storage begins with 32 random hex digits.
  const removeRandomPart = (text: string) => text.replaceAll(/\/[0-9a-f]{32}-/g, "/<32>-");
  return removeRandomPart(names.translate(recorded)) === removeRandomPart(live);
}

const abbreviate = (value: Json): string => JSON.stringify(value).slice(0, 120);
