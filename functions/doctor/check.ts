/** One finding of the doctor. */
export interface DoctorCheck {
  /** The part that was checked, for example `plane webhook`. */
  name: string;
  status: "ok" | "warning" | "failed";
  /** The finding, for people; never contains a secret. */
  detail: string;
  /** How to fix it. */
  todo?: string;
}

export function reportOk(name: string, detail: string): DoctorCheck {
  return { name, status: "ok", detail };
}

/** The part works, but not fully. */
export function reportWarning(name: string, detail: string, todo: string): DoctorCheck {
  return { name, status: "warning", detail, todo };
}

/** The part does not work. */
export function reportFailure(name: string, detail: string, todo: string): DoctorCheck {
  return { name, status: "failed", detail, todo };
}
