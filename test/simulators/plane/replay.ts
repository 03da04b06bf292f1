import type { PlaneSimulator } from "../../../simulators/plane/plane-simulator.ts";
import type { Json, JsonObject } from "../../../simulators/plane/rows.ts";
import { type RecordedExchange as Exchange, readRecordedExchanges } from "../../support/plane-replay-server.ts";

/** One recorded exchange with a real Plane. */
export type RecordedExchange = Exchange & { file: string; response: { body: Json } };

const recordedExchanges = readRecordedExchanges();

export const readExchanges = (file: string): RecordedExchange[] =>
  (recordedExchanges.get(`${file}.json`) ?? []).map((each) => ({ ...each, file }) as RecordedExchange);

/** The rest of the key's rate limit, which shows the order in which the exchanges of one key were made. */
const getRemaining = ({ response }: RecordedExchange) =>
  Number(response.headers["x-ratelimit-remaining"] ?? Number.NaN);

/**
 * Merges files that were recorded at the same time into the order of the recording. It keeps the order within each file
 * and the order in which a key's remaining requests decreased.
 */
export function mergeInRecordedOrder(files: readonly (readonly RecordedExchange[])[]): RecordedExchange[] {
  const queues = files.map((each) => [...each]);
  const isNext = (candidate: RecordedExchange): boolean =>
    queues.flat().every((other) => other.as !== candidate.as || !(getRemaining(other) > getRemaining(candidate)));
  const merged: RecordedExchange[] = [];
  for (;;) {
    const queue = queues.find(([first]) => first && isNext(first)) ?? queues.find((each) => each.length > 0);
    const next = queue?.shift();
    if (!next) return merged;
    merged.push(next);
  }
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Passwords were not recorded; these are as valid, wrong or weak as the recorded ones. */
const PASSWORDS: Record<string, string> = {
  sign_in_bad_password: "not the Password 1!",
  instance_admin_sign_in_bad: "not the Password 1!",
  sign_up_weak_password: "weak",
};
const PASSWORD = "Groundcrew 4ever!";

/** Replays recorded exchanges against a running Plane and learns its ids from the answers. */
export function createReplay(plane: PlaneSimulator) {
  const names = new IdMap();
  const jars = new Map<string, Map<string, string>>();
  const keys = new Map<string, string>();
  for (const host of ["http://plane.test", "http://storage.test"]) names.learn(host, plane.url);

  const getCookieJar = (as: string): Map<string, string> => {
    const jar = jars.get(as) ?? new Map<string, string>();
    jars.set(as, jar);
    return jar;
  };
  const call = async (as: string, url: string, init: RequestInit, withCookies: boolean): Promise<Response> => {
    const jar = getCookieJar(as);
    const headers = new Headers(init.headers);
    if (withCookies) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      jar.set(name, value);
    }
    return response;
  };
  const getCsrfToken = async (as: string): Promise<string> => {
    const known = getCookieJar(as).get("csrftoken");
    if (known) return known;
    await (await call(as, `${plane.url}/auth/get-csrf-token/`, {}, true)).body?.cancel();
    return getCookieJar(as).get("csrftoken") ?? "";
  };

  async function createBody(exchange: RecordedExchange): Promise<RequestInit> {
    const { json, form } = exchange.request;
    const type = { "content-type": "application/json" };
    if (json !== undefined) return { body: names.translate(JSON.stringify(json)), headers: type };
    if (typeof form === "string") return { body: form, headers: type };
    if (!form) return {};
    const filled = new FormData();
    const url = new URLSearchParams();
    const add = (name: string, value: string) => {
      filled.set(name, value);
      url.set(name, value);
    };
    for (const [name, value] of Object.entries(form)) {
      if (value === "<password>") add(name, PASSWORDS[exchange.name] ?? PASSWORD);
      else if (value === "<csrf token>") add(name, await getCsrfToken(exchange.as));
      else add(name, names.translate(value));
    }
    if (!("policy" in form)) return { body: url };
    for (const [name, value] of Object.entries(uploadFields)) filled.set(name, value);
    filled.set("file", new File(["# Report\n\nIt is up.\n".slice(0, 19)], "report.md", { type: "text/markdown" }));
    return { body: filled };
  }
  let uploadFields: Record<string, string> = {};

  return {
    names,
    /** Continues as a new browser without cookies. */
    forgetSession: (as: string) => jars.delete(as),
    key: (as: string, key: string) => keys.set(as, key),
    call,
    /** Replays one exchange and returns the differences from the recording as sentences. */
    async replay(exchange: RecordedExchange): Promise<string[]> {
      const { method, path, query } = exchange.request;
      const livePath = names.translate(path);
      const url = new URL(livePath.startsWith("/") ? plane.url + livePath : livePath);
      for (const [name, value] of Object.entries(query ?? {}))
        url.searchParams.set(name, names.translate(String(value)));
      const init = { method, ...(await createBody(exchange)) };
      const headers = new Headers(init.headers);
      const key = keys.get(exchange.as);
      if (exchange.auth === "api_key") headers.set("x-api-key", key ?? "plane_api_nobody_has_this");
      const response = await call(exchange.as, url.href, { ...init, headers }, exchange.auth !== "api_key");
      const text = await response.text();
      const differences: string[] = [];
      if (response.status !== exchange.response.status)
        differences.push(`status: recorded ${exchange.response.status}, here ${response.status} ${text.slice(0, 300)}`);
      differences.push(...findHeaderDifferences(exchange, response));
      let body: Json = null;
      try {
        body = text === "" ? null : JSON.parse(text);
      } catch {
        differences.push(`the body is not JSON: ${text.slice(0, 100)}`);
      }
      if (differences.length > 0) return differences;
      const bodyDifferences = findDifferences(exchange.response.body, body, names);
      learnSecrets(exchange, body);
      return bodyDifferences;
    },
  };

  function learnSecrets(exchange: RecordedExchange, body: Json): void {
    const answer: { token?: string; label?: string; upload_data?: { fields: Record<string, string> } } =
      body !== null && typeof body === "object" && !Array.isArray(body) ? (body as object) : {};
    if (exchange.request.path === "/api/users/api-tokens/" && answer.token && answer.label)
      keys.set(answer.label === "rotate" ? "admin" : answer.label, answer.token);
    if (exchange.name === "attachment_create" && answer.upload_data) uploadFields = answer.upload_data.fields;
  }

  function findHeaderDifferences(exchange: RecordedExchange, response: Response): string[] {
    const recorded = exchange.response.headers;
    const differences: string[] = [];
    for (const name of ["allow", "content-type", "retry-after"]) {
      const live = response.headers.get(name) ?? undefined;
      if (live !== recorded[name]) differences.push(`${name}: recorded ${recorded[name]}, here ${live}`);
    }
    for (const name of ["x-ratelimit-remaining", "x-ratelimit-reset"])
      if (name in recorded !== response.headers.has(name)) differences.push(`${name}: only one has it`);
    const location = response.headers.get("location") ?? undefined;
    const recordedLocation = recorded["location"];
    if (recordedLocation === undefined || location === undefined) {
      if (recordedLocation !== location) differences.push(`location: recorded ${recordedLocation}, here ${location}`);
    } else if (removeSignature(names.translate(recordedLocation)) !== removeSignature(location)) {
      differences.push(`location: recorded ${recordedLocation}, here ${location}`);
    }
    if (!response.headers.has("date")) differences.push("date: missing");
    return differences;
  }
}

const removeSignature = (url: string): string =>
  url
    .replace(/\/[0-9a-f]{32}-/, "/<32>-")
    .replaceAll(/(X-Amz-(?:Signature|Date|Credential))=[^&]*/g, "$1=")
    .replaceAll("+", "%20");

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
class IdMap {
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
function findDifferences(recorded: Json, live: Json | undefined, names: IdMap, path = "", key = ""): string[] {
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
