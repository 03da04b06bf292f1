import { describe } from "vitest";
import { defineModelTests } from "../shared/store/model-tests.ts";
import { defineStoreContract } from "../shared/store/store-contract.ts";
import { openObjectStore } from "./open-object-store.ts";

describe("the store of a Durable Object", () => defineStoreContract(openObjectStore));

describe("REL-11 the model of the store of a Durable Object", () =>
  defineModelTests(openObjectStore, { runs: 12, voids: true, limit: 60_000 }));
