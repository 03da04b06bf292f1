import { describe } from "vitest";
import { defineModelTests, defineStoreContract } from "../shared/store/store-contract.ts";
import { openObjectStore } from "./open-object-store.ts";

describe("the store of a Durable Object", () => defineStoreContract(openObjectStore));

describe("REL-11 the model of the store of a Durable Object", () =>
  defineModelTests(openObjectStore, { runs: 8, voids: true }));
