/** An agent of the demo as its settings describe it. */
interface DemoAgent {
  name: string;
  role: "concierge" | "worker";
  about: string;
}

/** The agents of the demo, the Concierge first. */
export const DEMO_AGENTS: readonly DemoAgent[] = [
  { name: "Concierge", role: "concierge", about: "Plans what people wish and sums up the results." },
  { name: "Imhotep", role: "worker", about: "Engineer: runs servers and releases." },
  { name: "Thot", role: "worker", about: "Writer: writes guides and posts." },
  { name: "Ptah", role: "worker", about: "Artist and tester: can design and test." },
  { name: "Seshat", role: "worker", about: "Developer: can build software." },
];

/** The e-mail address of an agent's account in the simulated Plane. */
export function toDemoEmail(name: string): string {
  return `${name.toLowerCase()}@javisi.local.test`;
}
