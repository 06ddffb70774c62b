// Who is signed in.

import { api, ask, Problem, setSession, type Session } from "../api/client";

export type Right =
  | "see" | "watch" | "replay" | "backgrounds" | "read-health" | "keep-layouts" | "manage-users" | "hold";

class SessionState {
  now = $state<Session | null>(null);
  /** Whether it is known yet if somebody is signed in. */
  isKnown = $state(false);
  /** Why the server could not be asked. */
  isUnreachable = $state(false);
  #ahead_us = 0;

  async find(): Promise<void> {
    try {
      this.#begin(await ask(api.GET("/api/v1/session")));
    } catch (error) {
      this.now = null;
      this.isUnreachable = error instanceof Problem && error.status !== 401;
    }
    this.isKnown = true;
  }

  /** Errors: Problem. */
  async signIn(name: string, password: string): Promise<void> {
    this.#begin(await ask(api.POST("/api/v1/session", { body: { name, password } })));
  }

  /** Errors: Problem. */
  async signOut(): Promise<void> {
    await ask(api.DELETE("/api/v1/session"));
    this.#end();
  }

  may(right: Right): boolean {
    return this.now?.rights.includes(right) ?? false;
  }

  /** The server's time, by this machine's clock since it was told. */
  time_us(): number {
    return Date.now() * 1000 + this.#ahead_us;
  }

  #begin(session: Session): void {
    this.now = session;
    this.isUnreachable = false;
    this.#ahead_us = session.time_us - Date.now() * 1000;
    setSession(session.csrf_token, () => this.#end());
  }

  #end(): void {
    this.now = null;
    setSession("", () => undefined);
  }
}

export const session = new SessionState();
