import type { Id, Ref } from "./types.ts";

export const toId = (ref: Ref): Id => (typeof ref === "string" ? ref : ref.id);
