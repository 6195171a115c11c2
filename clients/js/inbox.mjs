// Events of one job, each once and in order, whatever a socket loses, repeats or hurries.
export const ENDED = ["completed", "failed", "cancelled"];
const KINDS = ["result_ready", "error", "status_change"];

/** Whether a job may have ended with this event; that of a step names the status of the step. */
export const ends = (event) => KINDS.includes(event.type) && ENDED.includes(event.data.status);

export class Inbox {
  constructor(last = 0) {
    this.last = last;
  }

  /** "take" an event of a socket, "drop" it (seen before), or "gap": read the log first, which has it too. */
  offer(event) {
    if (event.sequence === undefined) return "take";
    if (event.sequence > this.last + 1) return "gap";
    return this.take(event) ? "take" : "drop";
  }

  /** Whether to hand on an entry of the log. */
  take(event) {
    if (event.sequence <= this.last) return false;
    this.last = event.sequence;
    return true;
  }
}
