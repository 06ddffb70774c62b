// Which network this is. Its id never changes.

import { api, ask } from "../api/client";

let known: string | null = null;

/** In hex. Errors: Problem. */
export async function networkId(): Promise<string> {
  known ??= (await ask(api.GET("/api/v1/network"))).id;
  return known;
}
