/** What the doctor found about one thing. */
export interface Check {
  /** What was looked at, for example `plane webhook`. */
  name: string;
  status: "ok" | "warning" | "failed";
  /** What was found, for people; never a secret. */
  detail: string;
  /** What to do about it. */
  todo?: string;
}

export function ok(name: string, detail: string): Check {
  return { name, status: "ok", detail };
}

/** It works, but not as it could. */
export function warning(name: string, detail: string, todo: string): Check {
  return { name, status: "warning", detail, todo };
}

/** It does not work. */
export function failed(name: string, detail: string, todo: string): Check {
  return { name, status: "failed", detail, todo };
}
