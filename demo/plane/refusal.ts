import type { Json } from "./rows.ts";

/** An answer other than success, as Plane words it. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Json;
  constructor(status: number, body: Json) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

export const notFound = (): Refusal => new Refusal(404, { error: "The requested resource does not exist." });
/** The browser's API words it differently. */
export const appNotFound = (): Refusal => new Refusal(404, { error: "The required object does not exist." });
export const pageNotFound = (): Refusal => new Refusal(404, { error: "Page not found." });
export const forbidden = (): Refusal =>
  new Refusal(403, { detail: "You do not have permission to perform this action." });
export const unauthenticated = (): Refusal =>
  new Refusal(401, { detail: "Authentication credentials were not provided." });
/** One problem with one field. */
export const invalid = (field: string, message: string): Refusal => new Refusal(400, { [field]: [message] });
