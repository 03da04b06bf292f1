/** What the doctor found about one thing. */
export interface DoctorCheck {
  /** What was looked at, for example `plane webhook`. */
  name: string;
  status: "ok" | "warning" | "failed";
  /** What was found, for people; never a secret. */
  detail: string;
  /** What to do about it. */
  todo?: string;
}

export function reportOk(name: string, detail: string): DoctorCheck {
  return { name, status: "ok", detail };
}

/** It works, but not as it could. */
export function reportWarning(name: string, detail: string, todo: string): DoctorCheck {
  return { name, status: "warning", detail, todo };
}

/** It does not work. */
export function reportFailure(name: string, detail: string, todo: string): DoctorCheck {
  return { name, status: "failed", detail, todo };
}
