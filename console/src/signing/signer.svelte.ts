// Who signs in this page, for as long as it is open and somebody is signed in. The key is in memory alone.

import { api, ask } from "../api/client";
import { session } from "../state/session.svelte";
import { KeyError, openKey, sign, type KeyTrouble, type Signed, type StaffKey } from "./key";

export type Who = { pseudonym: string; role: string };
export type SignerTrouble = KeyTrouble | "unknown-key" | "not-yet" | "server-away";

class Signer {
  who = $state.raw<Who | null>(null);
  trouble = $state<SignerTrouble | null>(null);
  #key: StaffKey | null = null;

  async open(file: File): Promise<void> {
    this.forget();
    try {
      const text = file.size > 1024 ? "" : await file.text();
      const key = await openKey(text);
      const { staff } = await ask(api.GET("/api/v1/staff"));
      const mine = staff.find((one) => one.key === key.id);
      if (mine === undefined) this.trouble = "unknown-key";
      else if (mine.usable_from_us > session.time_us()) this.trouble = "not-yet";
      else {
        this.#key = key;
        this.who = { pseudonym: mine.pseudonym, role: mine.role };
      }
    } catch (error) {
      this.trouble = error instanceof KeyError ? error.trouble : "server-away";
    }
  }

  /** Errors: Error where no key is open. */
  sign(type: string, body: Record<string, unknown>): Promise<Signed> {
    if (this.#key === null) throw new Error("no staff key is open");
    return sign(this.#key, type, body);
  }

  forget(): void {
    this.#key = null;
    this.who = null;
    this.trouble = null;
  }
}

export const signer = new Signer();
