import type { Json } from "./rows.ts";

/** An error answer with Plane's status and body. */
export class PlaneApiError extends Error {
  readonly status: number;
  readonly body: Json;
  constructor(status: number, body: Json) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

export const createNotFoundError = (): PlaneApiError =>
  new PlaneApiError(404, { error: "The requested resource does not exist." });
/** The API of the browser uses another text. */
export const createAppNotFoundError = (): PlaneApiError =>
  new PlaneApiError(404, { error: "The required object does not exist." });
export const createPageNotFoundError = (): PlaneApiError => new PlaneApiError(404, { error: "Page not found." });
export const createForbiddenError = (): PlaneApiError =>
  new PlaneApiError(403, { detail: "You do not have permission to perform this action." });
export const createUnauthenticatedError = (): PlaneApiError =>
  new PlaneApiError(401, { detail: "Authentication credentials were not provided." });
/** A validation error of one field. */
export const createFieldError = (field: string, message: string): PlaneApiError =>
  new PlaneApiError(400, { [field]: [message] });
