import type { EventFacts } from "../../../shared/task/rule-set.ts";

export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";

/** The facts of an event about a finished task. */
export const facts: EventFacts = {
  item: {
    id: "525a36c6-8126-4aad-b630-aaae2a6649ec",
    key: "ONB-2",
    title: "Deploy <b>Plane</b> — déjà vu",
    word: "done",
    priority: "high",
    due: null,
    url: "http://plane.test/javisi/browse/ONB-2/",
    assignees: ["imhotep"],
    labels: [],
    blockers: [],
    dependants: 0,
  },
  project: {
    id: "d8d562c1-052e-4994-bbe2-1e0d1be72c34",
    identifier: "ONB",
    name: "Onboarding",
    url: "http://plane.test",
  },
  at: "2026-11-21T04:33:10.709232Z",
};
