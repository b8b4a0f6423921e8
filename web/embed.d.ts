// Types of embed.js: the element, its events, and the messages behind them.

/** What the playground is asked to do. `lastsave` is the version of these messages. */
export type LastsaveCommand = { lastsave: 1 } & (
  | { type: "load"; scenario?: string; link?: string; autorun?: boolean }
  | { type: "run" }
  | { type: "reset" }
  | { type: "enter"; lines: string[] }
  | { type: "theme"; theme: "auto" | "light" | "dark" }
);

/** The program is loaded and takes commands. */
export interface LastsaveReady {
  /** The engine's version. */
  engine: string;
}

/** The machine as it is now; sent when it changes, at most about fifteen times a second. */
export interface LastsaveState {
  /** Whether lines are being carried out. */
  running: boolean;
  /** Lines that are filled in and wait to be run. */
  waiting: number;
  /** Simulated time since the machine was switched on, in microseconds. */
  elapsed_us: number;
  /** Whether a server runs on the machine. */
  server: boolean;
  /** Acknowledged writes that a loss of power would take now. */
  exposed_power: number;
  /** Acknowledged writes that a kill of the process would take now. */
  exposed_kill: number;
}

/** What the last crash took, once the server is back. */
export interface LastsaveVerdict {
  /** Acknowledged writes before the crash. */
  acknowledged: number;
  /** How many of them are gone. */
  lost: number;
  /** The same in words. */
  sentence: string;
}

/** The height in CSS pixels at which nothing of the playground is cut off. */
export interface LastsaveResize {
  height: number;
}

/** What went wrong, and what to do about it. */
export interface LastsaveError {
  message: string;
}

/** What the playground says. */
export type LastsaveMessage = { lastsave: 1 } & (
  | ({ type: "ready" } & LastsaveReady)
  | ({ type: "state" } & LastsaveState)
  | ({ type: "verdict" } & LastsaveVerdict)
  | ({ type: "resize" } & LastsaveResize)
  | ({ type: "error" } & LastsaveError)
);

export interface LastsaveEventMap {
  "lastsave-ready": CustomEvent<LastsaveReady>;
  "lastsave-state": CustomEvent<LastsaveState>;
  "lastsave-verdict": CustomEvent<LastsaveVerdict>;
  "lastsave-resize": CustomEvent<LastsaveResize>;
  "lastsave-error": CustomEvent<LastsaveError>;
}

/** `<lastsave-playground>`. Commands given before it is loaded load it. */
export interface LastsavePlayground extends HTMLElement {
  /** Puts another scenario or link in place of the present one; it waits, unless `autorun`. */
  load(what: { scenario?: string; link?: string; autorun?: boolean }): void;
  /** Runs the lines that wait. */
  run(): void;
  /** Starts again with what was loaded last. */
  reset(): void;
  /** Enters lines, as if they were typed. */
  enter(...lines: (string | string[])[]): void;
  addEventListener<K extends keyof LastsaveEventMap>(
    type: K,
    listener: (event: LastsaveEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "lastsave-playground": LastsavePlayground;
  }
}
