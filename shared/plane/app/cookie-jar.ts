/**
 * The cookies of one server, in memory for one session. Ignores paths and domains, because cookies are sent to this
 * server only.
 */
export function createCookieJar(clock: () => number) {
  const cookies = new Map<string, string>();

  return {
    take(headers: Headers) {
      for (const line of headers.getSetCookie()) {
        const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
        const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
        if (name === undefined || value === undefined) continue;
        if (isExpired(attributes, clock())) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header(): Record<string, string> {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      return cookie === "" ? {} : { cookie };
    },
  };
}

function isExpired(attributes: string[], now: number): boolean {
  const value = (name: string) =>
    attributes.find((text) => text.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const maxAge = value("max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return Date.parse(value("expires") ?? "") <= now;
}
