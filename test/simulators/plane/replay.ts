import type { PlaneSimulator } from "../../../simulators/plane/plane-simulator.ts";
import type { Json } from "../../../simulators/plane/rows.ts";
import { findDifferences, IdMap } from "./compare-recorded.ts";
import type { RecordedExchange } from "./recording.ts";

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
